"""Reading text: TeX apart from prose, names, terms, and the sentence that says most."""
