#!/usr/bin/env python3
"""Writes crates/sibert-model/tests/data/finetuning.safetensors: outputs of transformers' BERT heads for random weights.

    V/bin/python scripts/finetuning_golden.py

V is a virtual environment with torch, transformers and safetensors. Weights and inputs are drawn in f32. Logits, losses and
gradients are computed in f64 and stored in f32. The three heads share one encoder. Losses and their gradients are
transformers' own, averaged over the batch. `BertForQuestionAnswering` treats padding as possible starts and ends, so its batch
has no padding. torch gives the row of the padding token no gradient, so id 0 does not occur. Every run writes the same bytes.
The test expects these sizes.
"""
import os, pathlib

os.environ.setdefault('CUDA_VISIBLE_DEVICES', '')
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForQuestionAnswering, BertForSequenceClassification

OUT = pathlib.Path(__file__).parents[1] / 'crates/sibert-model/tests/data/finetuning.safetensors'
SIZES = dict(vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
             max_position_embeddings=16, hidden_dropout_prob=0., attention_probs_dropout_prob=0.)
BATCH, SEQ = 3, 12
# None of those that a softmax makes zero.
GRADIENTS = ['bert.embeddings.word_embeddings.weight', 'bert.encoder.layer.0.attention.self.query.weight',
             'bert.encoder.layer.1.output.dense.weight', 'bert.encoder.layer.1.output.LayerNorm.weight',
             'bert.pooler.dense.weight', 'classifier.weight', 'classifier.bias', 'qa_outputs.weight']


def randomise(model):
    """Weights large enough that no activation is nearly linear, norms and biases away from one and zero."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            draws = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(draws * 0.2 + (1. if name.endswith('LayerNorm.weight') else 0.))


generator = torch.Generator().manual_seed(0)
lengths = torch.tensor([12, 7, 9])
inputs = {
    'input_ids': torch.randint(1, SIZES['vocab_size'], (BATCH, SEQ), generator=generator),
    'token_type_ids': torch.randint(0, 2, (BATCH, SEQ), generator=generator),
    'attention_mask': (torch.arange(SEQ) < lengths[:, None]).long(),
}
whole = {**inputs, 'attention_mask': torch.ones(BATCH, SEQ, dtype=torch.long)}
tensors = {name: tensor.int() for name, tensor in inputs.items()}
CASES = {
    'classes': (BertForSequenceClassification, {'num_labels': 3}, inputs, {'labels': torch.tensor([2, 0, 1])}),
    'score': (BertForSequenceClassification, {'num_labels': 1}, inputs, {'labels': torch.tensor([4.25, 0., 2.5])}),
    'span': (BertForQuestionAnswering, {}, whole,
             {'start_positions': torch.tensor([3, 0, 11]), 'end_positions': torch.tensor([5, 0, 11])}),
}
encoder = {}
for case, (architecture, labels, batch, targets) in CASES.items():
    model = architecture(BertConfig(**SIZES, **labels))
    randomise(model)
    model.load_state_dict(encoder, strict=False)
    encoder = encoder or {name: value for name, value in model.state_dict().items() if name.startswith('bert.')}
    model.double().eval()
    output = model(**batch, **{name: t.double() if t.is_floating_point() else t for name, t in targets.items()})
    output.loss.backward()
    logits = output.logits if 'logits' in output else torch.stack([output.start_logits, output.end_logits], -1)
    results = {'logits': logits, 'loss': output.loss, **targets}
    for name, parameter in model.named_parameters():
        if name in GRADIENTS:
            results[f'grad.{name}'] = parameter.grad
        if not name.startswith('bert.'):
            results[f'param.{name}'] = parameter
    for name, tensor in results.items():
        tensors[f'{case}.{name}'] = tensor.detach().float() if tensor.is_floating_point() else tensor.int()
tensors |= {f'param.{name}': tensor.float() for name, tensor in encoder.items()}
save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, OUT)
print(f'{OUT}: {OUT.stat().st_size} bytes')
