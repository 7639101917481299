"""Words in names of files and folders that say what was scanned, when and how, and not whom. All in lower case.

A word that is missing here makes patients fewer, not more: what is not known may be a name.
"""

from __future__ import annotations

import re


def words_of(text: str) -> frozenset[str]:
    """The words of a text, apart by blanks."""
    return frozenset(text.split())


_ACCELERATED = re.compile(
    r"((?:sag|cor|tra|ax|fs|tse|mprage|flair|fluid|tirm|spc|space|trace|diff|dwi|dti|bold|dixon|vibe|haste)[_-])"
    r"(?:p[2-6]|b\d{1,4})"
    r"(?![^\W_])",
    re.IGNORECASE,
)
"""t1_mprage_sag_p2_iso, dwi_b1000: protocols name their factor of acceleration, and b-values."""


def without_factors(text: str) -> str:
    """A name without what a protocol wrote into it.

    >>> without_factors("A1_t1_mprage_sag_p2_iso"), without_factors("P2_T1")
    ('A1_t1_mprage_sag__iso', 'P2_T1')
    """
    return _ACCELERATED.sub(r"\1", text)


PERSON = "patient|pat|pt|p|subject|subj|sbj|sub|participant|volunteer|person|proband|case|mrn|ptid|pid|id"
"""A number after one of these is a patient's."""

SEQUENCE = words_of(
    """
    t1 t2 t1w t2w t1wi t2wi t1ce t1c t1n t1gd t1post t1km t1map t2map t2f t2star t2s pd pdw pdwi flair dwi adc bold
    mra mrv swi swan tof asl diff dki noddi hardi ivim spc vibe haste ciss fiesta tirm blade propeller mp2rage trufi
    tfl tfe ffe btfe grappa caipi zte cbf cbv mtt dti dce dsc perf perfusion mprage mpr spgr spir stir tse fse gre
    epi dixon dual t1dual t2spir inphase outphase opp fat water trace hbv b0 bval ct cta cect ncct pet fdg psma suv
    petct mr mri nm us spect cbct xray xr cr dx cxr drr radiograph ap pa lat lateral frontal axial coronal sagittal
    ax cor sag tra native contrast ce nce noncontrast gd gad arterial venous portal delayed early late fs fatsat
    hires lowres iso
    """
)
"""Sequences, contrasts, modalities, views and planes."""

COUNTER = words_of(
    """
    visit visits vis v session sessions ses sess timepoint timepoints time tp tpt t day days d week weeks wk w month
    months mo m year years yr hour hours hr min phase frame frames run runs rep repeat rescan acq acquisition echo
    series ser se temporal slice slices sl slc z layer page tile crop patch view instance inst pos channel chan fold
    split subset cv batch part parts chunk disc disk site sites center centre hospital hosp clinic scanner vendor
    group grp task release version wave waves round cycle cycles period fraction fractions fx arm trial
    """
)
"""A number that follows one of these, or is joined to it, counts visits, slices or collections, never patients."""

WHEN = words_of(
    """
    pre post preop postop pretreatment posttreatment before after baseline base bl screening followup follow fu up
    study studies exam examination retest first second third last initial final treatment therapy rt op surgery
    progression recurrence date vorher nachher verlauf avant apres après antes despues después prima dopo i ii iii iv
    """
)

SIDE = words_of(
    """
    left right l r lh rh lt rt bilateral both cc mlo lcc rcc lmlo rmlo od os
    """
)

PROCESSING = words_of(
    """
    bet brain_extracted stripped skullstrip skullstripped ss defaced deface n4 bias biascorr corrected corr reg
    registered coreg warped mni mni152 tal talairach norm normed normalized normalised resampled resample resized
    cropped reoriented reorient ras lps std standard space smooth mean avg average masked anon anonymized anonymised
    deid pseudo orig original raw final clean denoised copy new old nifti nii dicom dcm png jpg jpeg tif tiff bmp
    mha nrrd gz conv converted dcm2niix seg segmentation mask masks label labels labelmap gt groundtruth
    roi lesion annotation warped inversewarped preproc preprocessed desc part mag magnitude real imag ph
    """
)

THING = words_of(
    """
    img imgs image images imaging im pic picture pictures photo scan scans volume volumes vol vols file files mri_scan
    anat func brain head neck skull face chest thorax lung lungs heart cardiac la lv rv abdomen abdominal abd liver
    spleen kidney kidneys pancreas colon rectum bowel prostate pelvis bladder uterus breast mammo spine cervical
    lumbar thoracic knee hip shoulder hand wrist foot ankle elbow leg arm bone hippocampus hepaticvessel vessel aorta
    eye retina fundus tooth teeth dental skin whole body wholebody tissue organ sample example item record export
    output result slicer no nr number num of and the with from by
    """
)
"""What is in a file: a number after one of these is the file's own and names a patient only where nothing else does."""

FINDINGS = words_of(
    """
    normal abnormal healthy sick ill well diseased disease control controls hc ctrl negative positive pos neg yes no
    none benign malignant malignancy cancer cancerous tumor tumour tumors tumours notumor glioma glioblastoma gbm hgg
    lgg lowgrade highgrade low high grade meningioma pituitary metastasis metastases met lymphoma carcinoma
    adenocarcinoma adenoma adenomas squamous large cell small polyp polyps cyst stone nodule nodules mass masses
    calcification pneumonia covid covid19 sarscov2 viral virus bacterial bacteria tuberculosis tb opacity infiltration
    infiltrate effusion edema oedema emphysema fibrosis atelectasis cardiomegaly consolidation pneumothorax hernia
    pleural thickening fracture fractured unfractured hemorrhage haemorrhage hemorrhagic bleeding stroke ischemic
    ischaemic infarct aneurysm ad mci emci lmci smc cn nc dementia demented nondemented verymilddemented milddemented
    moderatedemented very mild moderate severe doubtful minimal non not other others unknown finding findings
    nofinding pathology pathological lesions ms als pd parkinson alzheimer alzheimers epilepsy autism asd tdc
    schizophrenia depression dcm hcm arv cirrhosis steatosis hcc ulcer ulcers crohn colitis retinopathy dr amd cnv dme
    drusen glaucoma cataract male female men women adult child children pediatric paediatric acute chronic stage type
    class category active inactive responder nonresponder survivor stable progressive converter idh wildtype wt mutant
    mutated cat cats dog dogs horse horses mouse mice rat rats pig pigs sheep
    """
)
"""Findings, groups and species: the names of folders that may be labels without anybody having said so."""

COLLECTION = words_of(
    """
    train training trn tr test testing ts te tst val valid validation dev eval evaluation holdout set data dataset
    datasets database ds source sources input inputs output outputs collection cohort cohorts groups sites centers
    centres siemens ge philips toshiba canon archive download downloads upload extracted unzipped all misc tmp temp
    home work project patients subjects cases participants derivatives sourcedata rawdata preprocessing imagestr
    imagests imagesval labelstr labelsts nnunet tesla field public private
    """
)
"""What folders hold: many patients."""

NOBODY = SEQUENCE | COUNTER | WHEN | SIDE | PROCESSING | THING | FINDINGS | COLLECTION
"""All of them."""
