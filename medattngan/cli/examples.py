"""Two examples of every command, which end its `--help`. A test parses each as the command line does."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[str, str]] = {
    "": (
        "medattngan demo -o demo",
        "medattngan ingest SCANS -o store --size 64",
    ),
    "demo": (
        "medattngan demo -o demo",
        "medattngan demo -o demo --minutes 20 --seed 1",
    ),
    "ingest": (
        "medattngan ingest SCANS --list --only sequence=T1",
        "medattngan ingest SCANS -o store --size 64 --only sequence=T1",
    ),
    "inspect": (
        "medattngan inspect store",
        "medattngan inspect store -o sheet.png",
    ),
    "reseal": (
        "medattngan reseal store --reason 'one patient withdrew consent'",
        "medattngan reseal dicom --reason 'window set by hand in two files'",
    ),
    "configs": (
        "medattngan configs",
        "medattngan configs | grep text",
    ),
    "zoo": (
        "medattngan zoo",
        "medattngan zoo | grep heads",
    ),
    "train": (
        "medattngan train auto --data store -o run",
        "medattngan train compact --data store -o run --set train.minutes=120",
    ),
    "sample": (
        "medattngan sample run -n 1000 --seed 0 -o samples",
        "medattngan sample run -n 100 --condition age=70 -o old",
    ),
    "explain": (
        "medattngan explain run -o attention --seed 3",
        "medattngan explain run -o attention --point 32,20 --point 40,28",
    ),
    "explore": (
        "medattngan explore run -o seeds",
        "medattngan explore run -o seeds -n 16 --truncation 0.7",
    ),
    "encoder": (
        "medattngan encoder store -o encoder",
        "medattngan encoder store -o encoder --kimg 200",
    ),
    "encode": (
        "medattngan encode run store -o latents",
        "medattngan encode run store --split val --encoder latents -o others",
    ),
    "reconstruct": (
        "medattngan reconstruct run latents --data store -o redrawn",
        "medattngan reconstruct run latents --between 0,40 --steps 9 -o between",
    ),
    "anomalies": (
        "medattngan anomalies run latents --data store -o odd",
        "medattngan anomalies run latents --data store --seed 1 -o odd",
    ),
    "evaluate": (
        "medattngan evaluate samples --data store -o scores",
        "medattngan evaluate samples --data store -o scores --extractor encoder",
    ),
    "audit": (
        "medattngan audit samples --data store --run run -o audit",
        "medattngan audit samples --data store --encoder encoder -o audit",
    ),
    "utility": (
        "medattngan utility compact --data store -o utility --set train.minutes=10",
        "medattngan utility compact --data store -o utility --per-class 50 --seeds 10",
    ),
    "report": (
        "medattngan report run samples scores audit --data store -o report.html",
        "medattngan report run samples --data store -o report.html --card card.yaml",
    ),
    "review": (
        "medattngan review create samples --data store -n 50 -o study",
        "medattngan review serve study",
    ),
    "review create": (
        "medattngan review create samples --data store -n 50 --readers 3 -o study",
        "medattngan review create volumes --data store -n 20 --depth 16 -o study",
    ),
    "review serve": (
        "medattngan review serve study",
        "medattngan review serve study --port 9000 --interim",
    ),
    "review status": (
        "medattngan review status study",
        "medattngan review status study --verify",
    ),
    "review link": (
        "medattngan review link study --reader 2",
        "medattngan review link study --reader 2 --qr terminal",
    ),
    "review close": (
        "medattngan review close study",
        "medattngan review close study --incomplete",
    ),
    "review stats": (
        "medattngan review stats study -o statistics",
        "medattngan review stats study -o statistics --seed 1",
    ),
    "review plan": (
        "medattngan review plan --readers 5",
        "medattngan review plan --accuracy-excluded 0.65 --these-readers-only",
    ),
    "export": (
        "medattngan export samples -o dicom",
        "medattngan export samples -o dicom --sop mr --stamp",
    ),
    "export-model": (
        "medattngan export-model run --format monai -o bundle",
        "medattngan export-model run --format onnx -o onnx --evidence samples",
    ),
    "push": (
        "medattngan push dicom --url https://pacs.example/dicom-web",
        "medattngan push dicom --dimse pacs.example:11112 --aet ARCHIVE",
    ),
}
"""By the words after `medattngan`; the empty one is `medattngan` itself."""
