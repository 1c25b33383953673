"""The configuration of SIBERT, a BERT whose encoder is scale invariant (Li et al., ICML 2022, section 3)."""

from transformers import PretrainedConfig


class SibertConfig(PretrainedConfig):
    """Sizes and rates of a SIBERT, under the names of BERT's configuration.

    What BERT has not:

    - ``attention``: ``"relu"``, rectified products over their row sum (the paper's), or ``"normalized"``, the softmax of
      cosines.
    - ``attention_scale``: the factor of the cosines; 1.5 times the root of a head's width if absent.
    - ``tie_word_embeddings``: the masked-LM decoder is the token table, its rows divided by their lengths.
    - ``position_embedding_type``: ``"absolute"``, a table, or ``"rotary"``, with the base ``rope_theta``.
    """

    model_type = "sibert"

    def __init__(
        self,
        vocab_size=30522,
        hidden_size=768,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=3072,
        hidden_act="relu",
        attention="relu",
        attention_scale=None,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
        max_position_embeddings=512,
        position_embedding_type="absolute",
        rope_theta=10000.0,
        type_vocab_size=2,
        initializer_range=0.02,
        layer_norm_eps=1e-12,
        pad_token_id=0,
        next_sentence_prediction=False,
        tie_word_embeddings=False,
        **kwargs,
    ):
        if hidden_size % num_attention_heads:
            raise ValueError(
                f"hidden_size {hidden_size} is not a multiple of num_attention_heads {num_attention_heads}"
            )
        if hidden_act != "relu":
            raise ValueError(f"hidden_act is {hidden_act!r}, expected 'relu': another activation is not homogeneous")
        if attention not in ("relu", "normalized"):
            raise ValueError(f"attention is {attention!r}, expected 'relu' or 'normalized'")
        if position_embedding_type not in ("absolute", "rotary"):
            raise ValueError(f"position_embedding_type is {position_embedding_type!r}, expected 'absolute' or 'rotary'")
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        self.hidden_act = hidden_act
        self.attention = attention
        self.attention_scale = attention_scale
        self.hidden_dropout_prob = hidden_dropout_prob
        self.attention_probs_dropout_prob = attention_probs_dropout_prob
        self.max_position_embeddings = max_position_embeddings
        self.position_embedding_type = position_embedding_type
        self.rope_theta = rope_theta
        self.type_vocab_size = type_vocab_size
        self.initializer_range = initializer_range
        self.layer_norm_eps = layer_norm_eps
        self.next_sentence_prediction = next_sentence_prediction
        super().__init__(pad_token_id=pad_token_id, tie_word_embeddings=tie_word_embeddings, **kwargs)
