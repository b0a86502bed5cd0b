"""The theorems: what the papers prove, in numbers, with their errata, and what is proved beyond them."""
