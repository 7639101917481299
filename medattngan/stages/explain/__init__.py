"""Run → pictures of what its attentions read."""
