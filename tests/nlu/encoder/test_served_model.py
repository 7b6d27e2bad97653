"""The model that was really built: what it is, what it understands, what it costs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from nlu.encoder.manifest import read_manifest
from nlu.encoder.onnx_encoder import OnnxEncoder

# A question, the same in other words (or another dialect or language), and what it is not.
TRIPLES = [
    ("كيف أجدد جواز السفر؟", "ابغى اجدد جوازي", "كم رسوم ترخيص المحل التجاري؟"),
    ("ما هي ساعات العمل؟", "متى تفتحون ومتى تسكرون", "ضاعت بطاقة الهوية"),
    ("فقدت بطاقة الهوية", "ضاعت هويتي ايش اسوي", "كيف أسدد فاتورة المياه؟"),
    ("أريد تقديم شكوى على موظف", "عايز اشتكي من الموظف", "ما هي ساعات العمل؟"),
    ("How do I renew my passport?", "كيف أجدد جواز السفر؟", "What are the library opening hours?"),
    ("What are the fees for a birth certificate?", "كم رسوم شهادة الميلاد؟", "أين أقرب مكتب؟"),
]
MEMORY = """
import json, sys
from pathlib import Path
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
import numpy
before = resident()
from nlu.encoder.onnx_encoder import OnnxEncoder
encoder = OnnxEncoder(Path(sys.argv[1]))
encoder.encode(json.loads(sys.argv[2]))
print(resident() - before)
"""


@pytest.fixture(scope="module")
def encoder(served_model: Path) -> OnnxEncoder:
    return OnnxEncoder(served_model)


def test_the_manifest_states_source_and_licence_and_holds(served_model: Path) -> None:
    manifest = read_manifest(served_model)
    manifest.verify(served_model)
    assert manifest.source
    assert manifest.licence
    assert manifest.dimension == OnnxEncoder(served_model).encode([""]).shape[1]


@pytest.mark.parametrize(("question", "same", "other"), TRIPLES)
def test_paraphrases_are_nearer_than_other_matters(
    encoder: OnnxEncoder, question: str, same: str, other: str
) -> None:
    vectors = encoder.encode([question, same, other])
    assert float(vectors[0] @ vectors[1]) > float(vectors[0] @ vectors[2]) + 0.01


def test_a_batch_equals_single_texts(encoder: OnnxEncoder) -> None:
    texts = [text for triple in TRIPLES for text in triple] + ["", "👍", "kif 7alak", "ا" * 5000]
    single = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.abs(encoder.encode(texts) - single).max() < 1e-5


def test_arabic_and_latin_text_is_known_to_the_vocabulary(served_model: Path) -> None:
    tokenizer = Tokenizer.from_file(str(served_model / "tokenizer.json"))
    text = "ضاعت هويّتي! أين أُجدّدها؟ ٣ أيام، ڤيزا پ چ گ — café naïve Straße señor 3aych 100% 👍🏽 ﷺ"
    assert "<unk>" not in tokenizer.encode(text).tokens


def test_loading_and_a_question_are_fast(served_model: Path) -> None:
    start = time.monotonic()
    encoder = OnnxEncoder(served_model)
    assert time.monotonic() - start < 3  # 0.3 s on two idle cores
    times = []
    for _ in range(20):
        start = time.monotonic()
        encoder.encode([TRIPLES[0][0]])
        times.append(time.monotonic() - start)
    assert min(times) < 0.1  # 5 ms on two idle cores


def test_the_encoder_keeps_to_its_memory(served_model: Path) -> None:
    texts = [text for triple in TRIPLES for text in triple] * 10
    result = subprocess.run(
        [sys.executable, "-c", MEMORY, str(served_model), json.dumps(texts)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert float(result.stdout) < 250  # MiB; about 200 when built from the default packages
