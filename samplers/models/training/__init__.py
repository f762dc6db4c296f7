"""Training of the embedded language model: data, tokenizer, training and evaluation scripts."""
