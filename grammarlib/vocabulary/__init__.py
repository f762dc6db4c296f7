"""Vocabularies: what each token id writes, and the trie over all of it.

`vocabulary` is the frozen table, `huggingface` and `ranks` read tokenizers into it, `selfcheck`
compares the result with the tokenizer, `trie` is the flat trie that masks walk.
"""

from grammarlib.vocabulary.trie import VocabularyTrie
from grammarlib.vocabulary.vocabulary import Vocabulary

__all__ = ["Vocabulary", "VocabularyTrie"]
