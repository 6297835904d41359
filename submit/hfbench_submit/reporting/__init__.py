"""What people and programs are shown of a sitting and of its submission."""
