"""The files of deploy/, tried with the programs that read them."""
