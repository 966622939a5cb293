"""What clients of the stream are handed, from the publication to their messages."""
