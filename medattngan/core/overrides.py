"""Plain values of a configuration, as a file and --set give them, before they are checked."""

from __future__ import annotations

from typing import Any

import yaml

from medattngan.core.files import UserError


def with_text_keys(section: Any) -> Any:
    """A section as read from YAML, where an empty one is None and keys need not be text."""
    if section is None:
        return {}
    return {str(key): value for key, value in section.items()} if isinstance(section, dict) else section


def apply(tree: dict[str, Any], override: str) -> None:
    """Set one `section.key=value`; the value is read as YAML, so `[16, 32]` and `null` work."""
    name, equals, text = override.partition("=")
    parts = name.strip().split(".")
    if not equals or len(parts) != 2 or not all(parts):
        raise UserError(f"--set {override!r} must look like section.key=value, for example train.kimg=50.")
    section = tree.setdefault(parts[0], {})
    if not isinstance(section, dict):
        raise UserError(f"--set {override!r}: {parts[0]} is not a section.")
    try:
        section[parts[1]] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UserError(f"--set {override!r}: {text!r} is not a YAML value.") from None
