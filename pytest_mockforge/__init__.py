"""Test built MockForge plugins with pytest."""
