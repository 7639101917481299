"""Lists by which captions are screened, in lower case: months, places, given names, and words that are none of them.

A capital alone does not tell `Consolidation` at the beginning of a sentence from `Smith`: what is in PLAIN or MEDICAL
is a word; what is in neither, and is written with a capital wherever it stands, may be a name.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MONTHS = _words(
    """
    january february march april may june july august september october november december jan feb mar apr jun jul
    aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday januar februar märz mai juni
    juli oktober dezember janvier février mars avril juin juillet août septembre octobre novembre décembre enero
    febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
    """
)

PLACES = _words(
    """
    afghanistan africa african algeria america american argentina asia asian australia australian austria bangladesh
    barcelona beijing belgium berlin berne bogota boston brazil britain british brussels budapest bulgaria cairo
    california cambridge canada canadian chicago chile china chinese colombia copenhagen croatia cuba cyprus czech
    daegu denmark dublin egypt england english ethiopia europe european finland florida france french geneva german
    germany ghana greece guangdong guangzhou hamburg hongkong hubei hungary iceland india indian indonesia iran
    iranian iraq ireland israel istanbul italian italy japan japanese jordan kenya korea korean kuwait lagos lebanon
    lima lisbon lombardy london lyon madrid malaysia manchester marseille mexico milan milano montreal morocco
    moscow mumbai munich nairobi nepal netherlands nigeria norway oslo oxford pakistan paris peru philippines poland
    portugal portuguese prague qatar rome romania russia russian seoul shanghai shenzhen singapore spain spanish
    stockholm sudan sweden swiss switzerland sydney syria taipei taiwan taiwanese tehran texas thailand tokyo
    toronto tunisia turin turkey uganda ukraine valencia vancouver vienna vietnam wales washington wuhan yemen
    zhejiang zurich
    """
)

GIVEN_NAMES = _words(
    """
    adam ahmed alan albert alex alexander alice ali amanda andrea andreas andrew anna anne anthony antonio barbara
    ben benjamin brian carlos carol caroline catherine charles charlotte christian christina christine christopher
    claudia daniel david deborah diana donald dorothy edward elena elizabeth emily emma eric eva fatima fernando
    francesco frank franz george giovanni giulia hannah hans harry helen henry ibrahim isabella ivan jack jacob
    jakob james jan jane janet jason javier jean jeffrey jennifer jessica jim joan joe johann john jonathan jorge
    jose josef joseph joshua juan julia julian karen karl katharina kathleen kenneth kevin laura lee linda lisa
    louis lucas lucia luigi lukas manuel marco margaret maria marie mario marion martin mary matthew max michael
    michelle miguel mohamed mohammed monica muhammad nancy natalia nicholas nicolas nicole olga oliver pablo pamela
    patricia patrick paul paula pedro peter petra philip pierre rachel ralph raymond rebecca richard robert roberto
    roger ronald ryan samuel sandra sara sarah scott sebastian sharon simon sofia sophie stefan stephanie stephen
    steven susan teresa thomas timothy ursula victor victoria vincent virginia walter werner william wolfgang yusuf
    """
)

PLAIN = _words(
    """
    a about above after again all almost along also although an and another any appears are around as at available
    be because been before being below between both but by can cannot clear common compared consistent could day
    days did do does due during each either evidence few first following for found from further had has have he her
    here his history how however in initial into is it its known large left less likely long lower many may middle
    mild moderate more most much multiple near new no normal not note noted now of old on one only or other our out
    over part patient patients persistent possible present presented presents previous previously recent right said
    same second seen several severe she should show showed showing shown shows since small so some still subsequent
    such than that the their then there these they third this those through to two under until up upper very was we
    well were when where which while who with within without woman man male female elderly adult child boy girl
    person year years after
    """
)

MEDICAL = _words(
    """
    abdomen abscess airspace amygdala aneurysm angle anterior anteroposterior aorta apical arm artery atelectasis
    atrium axial basal bilateral bladder blood bone bony bowel brain breast bronchi bronchogram bronchograms
    bronchus calcification cardiac cardiomegaly cardiomediastinal catheter caudate cavitation central cerebellum
    chest clavicle collapse consolidation consolidations contour contrast coronal cortex costophrenic cough covid
    crackles cranium ct cyst cystic density diaphragm diffuse disease dyspnea dyspnoea edema effusion effusions
    emphysema endotracheal enlarged esophagus femur fever fibrosis fissure flair focal fourth fracture frontal
    gallbladder glass granuloma ground heart hemithorax hilar hilum hip hippocampus hyperinflation increased
    infection infiltrate infiltrates inferior interstitial intestine intubated kidney knee lateral lesion lesions
    liver lobar lobe lobes lumbar lung lungs lymph lymphadenopathy markings mass medial mediastinal mediastinum mri
    nasogastric neck nodular nodule nodules oblique occipital oedema opacities opacity pacemaker pancreas parietal
    patchy pelvis pericardial peripheral perihilar pleural pneumonia pneumothorax portable position posterior
    posteroanterior prostate pulmonary putamen radiograph radiographs reticular rib ribs sagittal scan sclerosis
    septal shadow shoulder sinus skull slice soft spine spinal spleen stem sternum stomach subpleural superior
    supine surgical temporal thalamus thorax thymus thyroid tissue trachea tube tuberculosis tumor tumour upright
    uterus vein ventricle ventricles vertebra vertebrae view viral volume wall x-ray zone zones
    """
)
