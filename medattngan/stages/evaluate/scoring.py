"""The scores of one set of synthetic slices, whole and by stratum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medattngan.core.progress import Watch, unseen
from medattngan.external.open import Synthetic
from medattngan.extractors.cache import cached_features
from medattngan.extractors.crew import Crew
from medattngan.extractors.table import Extractor, load_extractor
from medattngan.metrics import all_metrics
from medattngan.metrics.sets import Sides
from medattngan.stages.evaluate.positions import position_scores
from medattngan.stages.evaluate.real_sets import THIRD_OF_VOLUME, RealSets
from medattngan.stages.evaluate.score import Scored
from medattngan.stages.evaluate.strata import Strata, brightness_thirds, by_vote, score_strata, worst


def score(
    real: RealSets,
    fake: Synthetic,
    extractor: Extractor,
    contents: Sequence[str],
    *,
    seed: int,
    watch: Watch = unseen,
    by: Crew | None = None,
) -> Scored:
    """Every metric of `all_metrics()` between the reference and `fake`, with interval, floor and strata.

    `contents` are the digests of the reference, of `fake`, and of the other patients' slices.
    """
    images = Sides(real.reference, fake.images, real.other)
    radiomics = load_extractor("radiomics-2d")
    features, of_radiomics = (_features(one, images, contents, watch, by) for one in (extractor, radiomics))
    sides = {"images": images, "features": features, "radiomics": of_radiomics}
    divisions, absent = _divide(real, fake, sides)
    scored, by_metric, too_few = score_strata(
        sides, real.patients, divisions, seed=seed, watch=watch, volumes=fake.volumes
    )
    for metric, entry in scored.entries.items():
        entry["floor_sets"] = real.described
        if metric in by_metric:
            entry |= {"strata": by_metric[metric], "worst_stratum": worst(by_metric[metric])}
    by_kind = {"features": extractor, "radiomics": radiomics}
    names = {
        name: name if metric.on == "images" else by_kind[metric.on].score_name(name)
        for name, metric in all_metrics().items()
    }
    left_out = {names[metric]: sentence for metric, sentence in scored.left_out.items()}
    entries = {names[metric]: entry for metric, entry in scored.entries.items()}
    return Scored(entries, left_out | absent | too_few, position_scores(real, features, fake.volumes, seed=seed))


def _features(extractor: Extractor, images: Sides, contents: Sequence[str], watch: Watch, by: Crew | None) -> Sides:
    sets = list(zip((images.reference, images.fake, images.other), contents, strict=True))
    advance = watch(f"features of slices, {extractor.name}", sum(len(one) for one, _ in sets))
    reference, fake, other = (cached_features(extractor, one, content, advance, by) for one, content in sets)
    return Sides(reference, fake, other)


def _divide(real: RealSets, fake: Synthetic, sides: Mapping[str, Sides]) -> tuple[dict[str, Strata], dict[str, str]]:
    """The divisions into strata that the slices allow, and in sentences why there are no others."""
    divisions, absent = {"brightness": brightness_thirds(sides["images"])}, {}
    of_whom = [str(name) for name in real.other_rows["patient"]]
    for by, column in (("label", "label"), ("position", THIRD_OF_VOLUME)):
        reference, other = (rows[column].fillna("").astype(str).tolist() for rows in (real.rows, real.other_rows))
        if any(reference) and any(other):
            known = fake.labels if by == "label" and set(fake.labels or ()) <= real.labels else None
            if known is None and len(set(of_whom)) < 2:
                absent[f"by {by}"] = f"the slices that vote are of one patient, so there are no scores by {by}."
            else:
                divisions[by] = by_vote(sides["features"], reference, other, of_whom, known)
        else:
            absent[f"by {by}"] = f"the real slices have no {by}, so there are no scores by it."
    return divisions, absent
