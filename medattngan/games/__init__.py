"""The games that networks play: losses, penalties, and the phases of a round."""
