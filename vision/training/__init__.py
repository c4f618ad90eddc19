"""Train, evaluate and export the detector. Only `fit` and `export` need torch; import those where they are used."""
