"""Do synthetic slices help a classifier?"""
