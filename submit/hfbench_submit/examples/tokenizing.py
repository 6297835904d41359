"""Tokenizers, and what they make of examples: token ids of one length, as workers read them."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hfbench_schema.canonical import document_sha256, strict_json
from hfbench_schema.submission import TokenizerFacts
from hfbench_schema.suites import Model
from hfbench_submit.errors import SubmitError
from hfbench_submit.examples.checkpoints import TOKENIZER
from hfbench_submit.examples.examples import Examples
from hfbench_submit.examples.libraries import library, one_thread

_SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CONTINUING: Final = "##"
_CHARACTERS_SHARE: Final = 8
"""One in so many pieces may be a character: rarer ones are unknown, and words get pieces, too."""
_AT_ONCE: Final = 1000
_ARRAYS: Final = ("input_ids", "token_type_ids", "attention_mask")


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer of the `tokenizers` library, and what a submission says of it."""

    encoder: Any
    facts: TokenizerFacts


def checkpoint_tokenizer(model: Model, folder: Path) -> Tokenizer:
    """Read the tokenizer that came with a model's checkpoint.

    Raises:
        SubmitError: it cannot be read, or has ids that the model has not.
    """
    path, tokenizers = folder / TOKENIZER, library("tokenizers")
    try:
        document = strict_json(path.read_bytes())
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library has no error of its own
        raise SubmitError(f"{path} is no tokenizer that can be read: {error}") from error
    if tokenizer.get_vocab_size() > model.config["vocab_size"]:
        raise SubmitError(
            f"{path} has {tokenizer.get_vocab_size():,} pieces, and model {model.name} only knows "
            f"{model.config['vocab_size']:,}"
        )
    return Tokenizer(tokenizer, _facts("checkpoint", document, tokenizer))


def train_tokenizer(model: Model, examples: Examples) -> Tokenizer:
    """Train a WordPiece tokenizer, as BERT's, on the text of a training split.

    The same text gives the same tokenizer, in every process. Left alone, the library numbers the
    characters in the order of a hash table, which is another one each time, and settles ties by
    these numbers; so it is given them. Characters that do not fit, the rarest, are unknown.
    """
    tokenizers = library("tokenizers")
    tokenizer = _word_piece({})
    texts = [text for pair in examples.texts for text in pair]
    size = model.config["vocab_size"]
    with one_thread():
        trainer = tokenizers.trainers.WordPieceTrainer(
            vocab_size=size,
            min_frequency=2,
            # Whatever has a number already keeps it, and `limit_alphabet` lets no other in.
            special_tokens=[*_SPECIAL, *_characters(tokenizer, texts, size // _CHARACTERS_SHARE)],
            limit_alphabet=0,
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
    # Only the vocabulary is wanted: to that tokenizer, each character is a special token.
    trained = _word_piece(tokenizer.get_vocab())
    return Tokenizer(trained, _facts("trained", json.loads(trained.to_str()), trained))


def encode(model: Model, tokenizer: Tokenizer, examples: Examples, length: int) -> dict[str, Any]:
    """Return int32 arrays of shape (examples, length) by name, and `labels` of (examples,).

    Sentences that are longer are cut, the longer one of a pair first; shorter ones are padded.
    """
    numpy = library("numpy")
    shape = (len(examples), length)
    arrays = {name: numpy.empty(shape, dtype="<i4") for name in _ARRAYS}
    with one_thread():
        for start in range(0, len(examples), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            encodings = _encodings(model, tokenizer.encoder, examples.texts[rows], length)
            arrays["input_ids"][rows] = [encoding.ids for encoding in encodings]
            arrays["token_type_ids"][rows] = [encoding.type_ids for encoding in encodings]
            arrays["attention_mask"][rows] = [encoding.attention_mask for encoding in encodings]
    return arrays | {"labels": numpy.array(examples.labels, dtype="<i4")}


def _encodings(model: Model, tokenizer: Any, texts: Sequence[tuple[str, ...]], length: int) -> Any:
    padding = model.config["pad_token_id"]
    tokenizer.enable_truncation(length, strategy="longest_first")
    tokenizer.enable_padding(
        length=length, pad_id=padding, pad_token=tokenizer.id_to_token(padding)
    )
    return tokenizer.encode_batch([pair if len(pair) > 1 else pair[0] for pair in texts])


def _word_piece(vocabulary: dict[str, int]) -> Any:
    tokenizers = library("tokenizers")
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordPiece(vocabulary, unk_token=_SPECIAL[1], max_input_chars_per_word=100)
    )
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    if vocabulary:
        tokenizer.add_special_tokens(list(_SPECIAL))
        tokenizer.post_processor = tokenizers.processors.BertProcessing(
            *((name, vocabulary[name]) for name in ("[SEP]", "[CLS]"))
        )
    return tokenizer


def _characters(tokenizer: Any, texts: Iterable[str], most: int) -> list[str]:
    """Return the most frequent characters as pieces, and as those that continue a word."""
    words = Counter(word for text in texts for word in _words(tokenizer, text))
    counts = Counter[str]()
    for word, count in words.items():
        for character in word:
            counts[character] += count
    kept = sorted(sorted(counts, key=lambda character: (-counts[character], character))[:most])
    within = {character for word in words for character in word[1:]}
    return kept + [_CONTINUING + character for character in kept if character in within]


def _words(tokenizer: Any, text: str) -> list[str]:
    normal = tokenizer.normalizer.normalize_str(text)
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]


def _facts(kind: str, document: Any, tokenizer: Any) -> TokenizerFacts:
    vocabulary = tokenizer.get_vocab_size()
    return {"kind": kind, "sha256": document_sha256(document), "vocabulary": vocabulary}
