"""What users of the commands see."""
