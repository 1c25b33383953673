"""SIBERT, a BERT whose encoder is scale invariant (Li et al., ICML 2022, section 3), in PyTorch for transformers.

The encoder's output does not change when all its parameters are multiplied by a positive number: every part is homogeneous,
and what normalises has neither eps nor, but for the embeddings, gain and bias. Parameters have BERT's names.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.modeling_outputs import (
    BaseModelOutput,
    MaskedLMOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)

from .configuration_sibert import SibertConfig

IGNORED = -100


def normalize(x):
    """``(x - mean) / deviation`` of each row, without eps; a row that does not vary gives zeros."""
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    centred = wide - wide.mean(-1, keepdim=True)
    variance = centred.square().mean(-1, keepdim=True)
    varies = variance > 0
    return torch.where(varies, centred * torch.where(varies, variance, 1.0).rsqrt(), 0.0).to(x.dtype)


def unit(x):
    """Each row divided by its length, without eps; a row of zeros stays."""
    squared = x.square().sum(-1, keepdim=True)
    long = squared > 0
    return torch.where(long, x * torch.where(long, squared, 1.0).rsqrt(), 0.0)


def rotate(x, base):
    """Turns the halves of each head of x (batch, heads, seq, dim) by the angles of its positions (Su et al. 2021)."""
    seq, half = x.shape[-2], x.shape[-1] // 2
    rates = base ** (-torch.arange(half, dtype=torch.float64, device="cpu") / half)
    angles = torch.outer(torch.arange(seq, dtype=torch.float64), rates)  # (seq, half)
    cos, sin = (f.to(device=x.device, dtype=x.dtype) for f in (angles.cos(), angles.sin()))
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class LayerNormWithoutEps(nn.Module):
    """The embeddings' norm: gain and bias of degree one, no eps."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        return normalize(x) * self.weight + self.bias


class SibertEmbeddings(nn.Module):
    """Token, position and segment embeddings, normalised and lifted to degree two."""

    def __init__(self, config):
        super().__init__()
        hidden = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, hidden)
        if config.position_embedding_type == "absolute":
            self.position_embeddings = nn.Embedding(config.max_position_embeddings, hidden)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, hidden)
        self.LayerNorm = LayerNormWithoutEps(hidden)
        self.projection = nn.Linear(hidden, hidden, bias=False)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.longest = config.max_position_embeddings

    def forward(self, input_ids=None, token_type_ids=None, inputs_embeds=None):
        x = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        seq = x.shape[1]
        if seq > self.longest:
            raise ValueError(f"a sequence of {seq} tokens is longer than the model's {self.longest} positions")
        if token_type_ids is None:
            token_type_ids = torch.zeros(x.shape[:2], dtype=torch.long, device=x.device)
        x = x + self.token_type_embeddings(token_type_ids)
        if hasattr(self, "position_embeddings"):
            x = x + self.position_embeddings.weight[:seq]
        return self.projection(self.dropout(self.LayerNorm(x)))


class SibertSelfAttention(nn.Module):
    """Attention whose weights have degree zero."""

    def __init__(self, config):
        super().__init__()
        hidden = config.hidden_size
        self.heads, self.width = config.num_attention_heads, hidden // config.num_attention_heads
        self.normalized = config.attention == "normalized"
        self.scale = config.attention_scale or 1.5 * math.sqrt(self.width)
        self.base = config.rope_theta if config.position_embedding_type == "rotary" else None
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.key = nn.Linear(hidden, hidden, bias=False)
        self.value = nn.Linear(hidden, hidden, bias=False)
        self.dropout = nn.Dropout(config.attention_probs_dropout_prob)

    def forward(self, x, keep):
        batch, seq, hidden = x.shape

        def split(y):
            return y.view(batch, seq, self.heads, self.width).transpose(1, 2)

        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        if self.normalized:
            query, key = unit(query), unit(key)
        if self.base is not None:
            query, key = rotate(query, self.base), rotate(key, self.base)
        scores = query @ key.transpose(-1, -2)  # (batch, heads, seq, seq)
        weights = self.softmax(scores, keep) if self.normalized else self.rectify(scores, keep)
        return (self.dropout(weights) @ value).transpose(1, 2).reshape(batch, seq, hidden), weights

    def softmax(self, scores, keep):
        scores = (self.scale * scores).float() if scores.dtype != torch.float64 else self.scale * scores
        scores = scores.masked_fill(~keep, torch.finfo(scores.dtype).min)
        return scores.softmax(-1).to(self.query.weight.dtype)

    def rectify(self, scores, keep):
        positive = scores.relu().masked_fill(~keep, 0.0)
        total = positive.sum(-1, keepdim=True)
        attends = total > 0
        return torch.where(attends, positive / torch.where(attends, total, 1.0), 0.0)


class SibertDense(nn.Module):
    """A linear map under BERT's name ``dense``."""

    def __init__(self, inputs, outputs, bias):
        super().__init__()
        self.dense = nn.Linear(inputs, outputs, bias=bias)

    def forward(self, x):
        return self.dense(x)


class SibertAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.self = SibertSelfAttention(config)
        self.output = SibertDense(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, x, keep):
        mixed, weights = self.self(x, keep)
        return self.output(mixed), weights


class SibertLayer(nn.Module):
    """Attention and feed-forward block, each of degree two over a normalised stream."""

    def __init__(self, config):
        super().__init__()
        self.attention = SibertAttention(config)
        self.intermediate = SibertDense(config.hidden_size, config.intermediate_size, bias=True)
        self.output = SibertDense(config.intermediate_size, config.hidden_size, bias=False)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, stream, keep):
        attended, weights = self.attention(normalize(stream), keep)
        stream = stream + self.dropout(attended)
        wide = self.intermediate(normalize(stream)).relu()
        return stream + self.dropout(self.output(wide)), weights


class SibertEncoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layer = nn.ModuleList(SibertLayer(config) for _ in range(config.num_hidden_layers))


class SibertPreTrainedModel(PreTrainedModel):
    config_class = SibertConfig
    base_model_prefix = "sibert"
    supports_gradient_checkpointing = False

    @torch.no_grad()
    def _init_weights(self, module):
        std = self.config.initializer_range
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.LayerNorm, LayerNormWithoutEps)):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


class SibertModel(SibertPreTrainedModel):
    """Token ids to hidden states, normalised."""

    def __init__(self, config):
        super().__init__(config)
        self.embeddings = SibertEmbeddings(config)
        self.encoder = SibertEncoder(config)
        self.post_init()

    def get_input_embeddings(self):
        return self.embeddings.word_embeddings

    def set_input_embeddings(self, value):
        self.embeddings.word_embeddings = value

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        token_type_ids=None,
        inputs_embeds=None,
        output_attentions=None,
        output_hidden_states=None,
        return_dict=None,
        **kwargs,
    ):
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        stream = self.embeddings(input_ids, token_type_ids, inputs_embeds)
        if attention_mask is None:
            attention_mask = torch.ones(stream.shape[:2], device=stream.device)
        keep = attention_mask[:, None, None, :] > 0
        states, attentions = (stream,), ()
        for layer in self.encoder.layer:
            stream, weights = layer(stream, keep)
            states, attentions = states + (stream,), attentions + (weights,)
        output = BaseModelOutput(
            last_hidden_state=normalize(stream),
            hidden_states=states if _asked(self.config, "output_hidden_states", output_hidden_states) else None,
            attentions=attentions if _asked(self.config, "output_attentions", output_attentions) else None,
        )
        return output if _asked(self.config, "return_dict", return_dict, True) else output.to_tuple()


def _asked(config, name, given, default=False):
    return given if given is not None else getattr(config, name, default)


def _answer(config, output, return_dict):
    if _asked(config, "return_dict", return_dict, True):
        return output
    return output.to_tuple()


class SibertPredictionTransform(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, x):
        return self.LayerNorm(F.gelu(self.dense(x)))


class SibertPredictions(nn.Module):
    """The masked-LM head, with a decoder of its own or, tied, with the directions of the rows of the token table."""

    def __init__(self, config):
        super().__init__()
        self.transform = SibertPredictionTransform(config)
        self.decoder = None if config.tie_word_embeddings else nn.Linear(config.hidden_size, config.vocab_size)

    def forward(self, x, table):
        x = self.transform(x)
        return F.linear(x, unit(table)) if self.decoder is None else self.decoder(x)


class SibertHeads(nn.Module):
    """What is under ``cls``: of masked words, of following sentences, and the pooler of a task."""

    def __init__(self, config, predictions=False, pooler=False, seq_relationship=False):
        super().__init__()
        if predictions:
            self.predictions = SibertPredictions(config)
        if pooler:
            self.pooler = SibertDense(config.hidden_size, config.hidden_size, bias=True)
        if seq_relationship:
            self.seq_relationship = nn.Linear(config.hidden_size, 2)

    def pooled(self, states):
        """The first token's state, transformed."""
        return self.pooler(states[:, 0]).tanh()


class SibertForMaskedLM(SibertPreTrainedModel):
    _keys_to_ignore_on_load_unexpected = [r"cls\.pooler", r"cls\.seq_relationship"]

    def __init__(self, config):
        super().__init__(config)
        self.sibert = SibertModel(config)
        self.cls = SibertHeads(config, predictions=True)
        self.post_init()

    def get_output_embeddings(self):
        return self.cls.predictions.decoder

    def set_output_embeddings(self, value):
        self.cls.predictions.decoder = value

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, labels=None, return_dict=None, **kwargs):
        output = self.sibert(input_ids, attention_mask, token_type_ids, return_dict=True, **kwargs)
        logits = self.cls.predictions(output.last_hidden_state, self.sibert.get_input_embeddings().weight)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED)
        answer = MaskedLMOutput(
            loss=loss, logits=logits, hidden_states=output.hidden_states, attentions=output.attentions
        )
        return _answer(self.config, answer, return_dict)


class SibertForPreTraining(SibertForMaskedLM):
    """Masked words, and where the checkpoint has it whether the second segment follows the first: ``seq_relationship``."""

    _keys_to_ignore_on_load_unexpected = None

    def __init__(self, config):
        super().__init__(config)
        pairs = config.next_sentence_prediction
        self.cls = SibertHeads(config, predictions=True, pooler=pairs, seq_relationship=pairs)
        self.post_init()

    def seq_relationship(self, input_ids=None, attention_mask=None, token_type_ids=None, **kwargs):
        """Logits (batch, 2); index 0: the second segment follows the first."""
        if not self.config.next_sentence_prediction:
            raise ValueError("this model was trained without next-sentence prediction")
        states = self.sibert(input_ids, attention_mask, token_type_ids, return_dict=True, **kwargs).last_hidden_state
        return self.cls.seq_relationship(self.cls.pooled(states))


class SibertForSequenceClassification(SibertPreTrainedModel):
    _keys_to_ignore_on_load_unexpected = [r"cls\.predictions", r"cls\.seq_relationship"]

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.sibert = SibertModel(config)
        self.cls = SibertHeads(config, pooler=True)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, labels=None, return_dict=None, **kwargs):
        output = self.sibert(input_ids, attention_mask, token_type_ids, return_dict=True, **kwargs)
        logits = self.classifier(self.dropout(self.cls.pooled(output.last_hidden_state)))
        loss = None if labels is None else self.loss(logits, labels)
        answer = SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=output.hidden_states, attentions=output.attentions
        )
        return _answer(self.config, answer, return_dict)

    def loss(self, logits, labels):
        kind = self.config.problem_type
        if kind is None:
            whole = labels.dtype in (torch.long, torch.int)
            kind = "regression" if self.num_labels == 1 else "single" if whole else "multi_label_classification"
        if kind == "regression":
            return F.mse_loss(logits.squeeze(), labels.squeeze().to(logits.dtype))
        if kind == "multi_label_classification":
            return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
        return F.cross_entropy(logits.view(-1, self.num_labels), labels.view(-1))


class SibertForTokenClassification(SibertPreTrainedModel):
    _keys_to_ignore_on_load_unexpected = [r"^cls\."]

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.sibert = SibertModel(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, labels=None, return_dict=None, **kwargs):
        output = self.sibert(input_ids, attention_mask, token_type_ids, return_dict=True, **kwargs)
        logits = self.classifier(self.dropout(output.last_hidden_state))
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
        answer = TokenClassifierOutput(
            loss=loss, logits=logits, hidden_states=output.hidden_states, attentions=output.attentions
        )
        return _answer(self.config, answer, return_dict)


class SibertForQuestionAnswering(SibertPreTrainedModel):
    _keys_to_ignore_on_load_unexpected = [r"^cls\."]

    def __init__(self, config):
        super().__init__(config)
        self.sibert = SibertModel(config)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        self.post_init()

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        token_type_ids=None,
        start_positions=None,
        end_positions=None,
        return_dict=None,
        **kwargs,
    ):
        output = self.sibert(input_ids, attention_mask, token_type_ids, return_dict=True, **kwargs)
        start, end = self.qa_outputs(output.last_hidden_state).unbind(-1)  # (batch, seq)
        loss = None
        if start_positions is not None and end_positions is not None:
            outside = start.shape[1]  # a place outside the input does not count
            places = ((start, start_positions), (end, end_positions))
            losses = [F.cross_entropy(x, at.view(-1).clamp(0, outside), ignore_index=outside) for x, at in places]
            loss = sum(losses) / 2
        answer = QuestionAnsweringModelOutput(
            loss=loss,
            start_logits=start,
            end_logits=end,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
        )
        return _answer(self.config, answer, return_dict)
