"""Which rule expects which page: one sentence each, checked in November 2026; no legal advice."""

from __future__ import annotations

NO_ADVICE = (
    "The references say which rule a reader may hold the page against. They are no legal advice: "
    "whether the lender meets a rule is for the lender and its counsel to judge."
)
MODEL_RISK = (
    "SR 26-2 (United States; it replaced SR 11-7 on 2026-04-17): guidance on model risk, "
    "which covers a model's documentation, validation and use."
)
EBA_MODELS = (
    "EBA/GL/2020/06 (European Union): guidelines on loan origination and monitoring, "
    "with what they ask of automated models of creditworthiness."
)
AI_ACT = (
    "EU AI Act: scoring the creditworthiness of natural persons is a high-risk use; "
    "its duties apply from 2027-12-02."
)
ADVERSE_ACTION = (
    "Regulation B, 12 CFR 1002.9 (United States): a declined applicant gets the specific "
    "principal reasons, or may ask for them; the model's contributions yield them for each "
    "decision."
)
AUTOMATED_DECISIONS = (
    "GDPR article 22 (European Union): limits decisions based solely on automated processing. "
    "The Court of Justice counts a score that others draw strongly on as such a decision "
    "(C-634/21), and the person may ask for an intelligible account of how it came about "
    "(C-203/22)."
)
DISPARATE_IMPACT = (
    "Regulation B (United States): its rules on disparate impact changed on 2026-07-21. "
    "The figures are given whatever rule applies."
)

MODEL_CARD = (MODEL_RISK, EBA_MODELS, ADVERSE_ACTION, AUTOMATED_DECISIONS, AI_ACT)
VALIDATION_REPORT = (MODEL_RISK, EBA_MODELS)
DATA_SHEET = (EBA_MODELS, AI_ACT)
FAIRNESS_REPORT = (DISPARATE_IMPACT, EBA_MODELS, AI_ACT)
CHAMPION_CHANGE = (MODEL_RISK,)
