"""Figures that a user would compare, each measured beside what they would pick instead."""
