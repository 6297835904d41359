"""Networks of every kind of inputs, small enough to be measured in a moment."""

from typing import Any

_ATTENTION = {"num_attention_heads": 2, "num_hidden_layers": 2, "hidden_size": 32}
_LLAMA = {
    **_ATTENTION,
    "model_type": "llama",
    "vocab_size": 300,
    "intermediate_size": 64,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 128,
    "tie_word_embeddings": True,
}
_WHISPER = {
    **{f"{side}_layers": 2 for side in ("encoder", "decoder")},
    **{f"{side}_attention_heads": 2 for side in ("encoder", "decoder")},
    **{f"{side}_ffn_dim": 64 for side in ("encoder", "decoder")},
}
_TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": (
        "tokens",
        {**_ATTENTION, "model_type": "bert", "vocab_size": 300, "intermediate_size": 64},
    ),
    "roberta": (
        "tokens",
        {
            **_ATTENTION,
            "model_type": "roberta",
            "vocab_size": 300,
            "intermediate_size": 64,
            "max_position_embeddings": 66,
            "type_vocab_size": 1,
            "pad_token_id": 1,
        },
    ),
    "vit": (
        "pixels",
        {
            **_ATTENTION,
            "model_type": "vit",
            "image_size": 32,
            "patch_size": 16,
            "num_channels": 3,
            "intermediate_size": 64,
        },
    ),
    "whisper": (
        "features",
        {
            **_WHISPER,
            "model_type": "whisper",
            "vocab_size": 51865,
            "d_model": 32,
            "num_mel_bins": 20,
            "max_source_positions": 64,
        },
    ),
    "t5": (
        "pairs",
        {
            "model_type": "t5",
            "vocab_size": 300,
            "d_model": 32,
            "d_kv": 16,
            "d_ff": 64,
            "num_layers": 2,
            "num_heads": 2,
            "pad_token_id": 0,
            "attn_implementation": "eager",  # as by default in 4.x, so that both round alike
        },
    ),
    "llama-prefill": ("prefill", _LLAMA),
    "llama-decode": ("decode", _LLAMA),
}
TINY = tuple(_TINY)


def tiny_plan(model: str, config: dict[str, Any] | None = None, **cell: Any) -> dict[str, Any]:
    """Return the plan of a latency run; `config` and `cell` change what they name."""
    inputs, fields = _TINY[model]
    usual = {"framework": "torch", "mode": "eager", "device": "cpu", "precision": "fp32"}
    return {
        "role": "latency",
        "cell": usual | {"batch_size": 2, "sequence_length": 64} | cell,
        "model": {"inputs": inputs, "config": fields | (config or {})},
        "seed": 1,
        "iterations": 4,
    }
