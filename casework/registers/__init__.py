"""Registers of a shop: staff, additives, samples and lots; what they raise, when, and how people and devices write in them.

A register holds the newest word about each subject; every word stands among the observations. What falls due is a row of the
expiry index, and is judged as the register stands when its time has come.
"""
