"""SliceStore → counts and a contact sheet."""
