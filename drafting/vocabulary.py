"""Words of lenders' columns in English, Spanish, German, Portuguese and neighbours, unaccented."""

from __future__ import annotations

from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _ranked(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# What the pipeline calls otherwise; what SQLite, PostgreSQL, Trino or DuckDB keep for themselves.
RESERVED = _words(
    "part period copy_no closed_on abort action add after all alter always analyse analyze"
    " and any array as asc asymmetric attach authorization autoincrement before begin"
    " between binary both by cascade case cast check collate collation column commit"
    " concurrently conflict constraint create cross cube current current_date current_role"
    " current_time current_timestamp current_user database date day deallocate default"
    " deferrable deferred delete desc describe detach distinct do drop each else end escape"
    " except exclude exclusive execute exists explain extract fail false fetch filter first"
    " following for foreign freeze from full generated glob grant group grouping groups"
    " having hour if ignore ilike immediate in index indexed initially inner insert instead"
    " int integer intersect interval into is isnull join key lambda last lateral leading"
    " left like limit listagg localtime localtimestamp map match materialized minute month"
    " natural no normalize not nothing notnull null nulls of offset on only or order others"
    " outer over overlaps partition pivot placing plan pragma preceding prepare primary"
    " qualify query raise range recursive references regexp reindex release rename replace"
    " restrict returning right rollback rollup row rows savepoint second select session_user"
    " set show similar skip some struct summarize symmetric table tablesample temp temporary"
    " then ties time timestamp to trailing transaction trigger trim true uescape unbounded"
    " union unique unnest unpivot update user using vacuum value values variadic verbose"
    " view virtual when where window with without year"
)


PROTECTED: Mapping[str, frozenset[str]] = {
    "sex or gender": _words("sex sexo gender genero geschlecht sesso sexe genre kon geslacht"),
    "age": _words("age edad alter idade eta leeftijd"),
    "date of birth": _words(
        "birth birthday birthdate dob nacimiento nac geburt geburtsdatum geburtstag nascimento nasc"
        " naissance nascita"
    ),
    "marital status": _words(
        "marital married marriage spouse conyuge conjuge civil familienstand verheiratet casado"
        " matrimonial divorced"
    ),
    "nationality": _words(
        "nationality nacionalidad staatsangehoerigkeit staatsangehorigkeit nationalitaet"
        " nationalitat nacionalidade nationalite nazionalita citizenship citizen ciudadania foreign"
        " foreigner extranjero auslaender auslander gastarbeiter estrangeiro etranger immigrant"
        " inmigrante migrant"
    ),
    "religion": _words("religion religiao konfession religioso faith creed"),
    "race or ethnicity": _words("race raza raca ethnicity ethnic etnia etnico hautfarbe skin"),
    "pregnancy or family plans": _words(
        "pregnant pregnancy embarazo embarazada gravidez maternity"
    ),
    "disability or health": _words(
        "disability disabled discapacidad behinderung deficiencia health salud gesundheit saude"
        " invalidez handicap"
    ),
    "sexual orientation": _words("orientation orientacion orientierung orientacao lgbt"),
    "politics or union": _words("political politica union sindicato gewerkschaft sindicato"),
}
# With one of these, `age` is the age of a thing.
THINGS = _words(
    "account accounts loan credit cuenta prestamo credito konto kredit car vehicle vehiculo auto"
    " employment job empleo company business negocio empresa antiguedad history file bureau line"
    " property house card tarjeta month months oldest newest average"
)
PROXIES = _words(
    "zip postcode postal plz cep cp neighbourhood neighborhood barrio bairro stadtteil surname"
    " apellido lastname firstname idioma language sprache lingua birthplace"
)
AFTERWARDS = _words(
    "recovery recoveries recovered collection collections chargeoff chargedoff writeoff castigo"
    " castigado recupero recuperacion recuperado recuperacao cobranza cobranca inkasso ausbuchung"
    " settlement lgd outcome resultado refinanced reestructurado"
)
AFTERWARDS_PAIRS = (
    ("charged", "off"),
    ("charge", "off"),
    ("written", "off"),
    ("write", "off"),
    ("last", "payment"),
    ("ultimo", "pago"),
    ("last", "pymnt"),
    ("default", "date"),
    ("fecha", "impago"),
    ("fecha", "mora"),
    ("closing", "date"),
    ("fecha", "cierre"),
    ("close", "date"),
    ("total", "pymnt"),
    ("total", "pagado"),
    ("loan", "status"),
)
KEYS = _words(
    "id identifier no num number numero nr nro key code codigo clave folio expediente solicitud"
    " antrag antragsnummer kundennummer kunde pedido contrato contract reference ref uuid cliente"
)
TIMES = _ranked(
    "applied application solicitud antrag antragsdatum antragstag solicitacao pedido"
    " origination originacion issue issued opening apertura alta disbursement desembolso"
    " start request"
)
DATES = _words("date fecha datum data day dia tag on at month mes monat")

GLOSSARY: Mapping[str, tuple[str, str]] = {
    "ingreso": ("income", "ingreso"),
    "ingresos": ("income", "ingresos"),
    "income": ("income", "ingresos"),
    "salary": ("salary", "salario"),
    "salario": ("salary", "salario"),
    "mensual": ("monthly", "mensual"),
    "mensuales": ("monthly", "mensuales"),
    "monthly": ("monthly", "mensual"),
    "deuda": ("debt", "deuda"),
    "debt": ("debt", "deuda"),
    "ratio": ("ratio", "ratio"),
    "monto": ("amount", "monto"),
    "importe": ("amount", "importe"),
    "amount": ("amount", "importe"),
    "plazo": ("term", "plazo"),
    "term": ("term", "plazo"),
    "duration": ("duration", "duración"),
    "purpose": ("purpose", "finalidad"),
    "finalidad": ("purpose", "finalidad"),
    "destino": ("purpose", "destino"),
    "vivienda": ("housing", "vivienda"),
    "housing": ("housing", "vivienda"),
    "empleo": ("employment", "empleo"),
    "employment": ("employment", "empleo"),
    "antiguedad": ("length of", "antigüedad"),
    "uso": ("use", "uso"),
    "utilisation": ("use", "uso"),
    "utilization": ("use", "uso"),
    "tarjeta": ("card", "tarjeta"),
    "credit": ("credit", "crédito"),
    "credito": ("credit", "crédito"),
    "atrasos": ("arrears", "atrasos"),
    "mora": ("arrears", "mora"),
    "savings": ("savings", "ahorros"),
    "ahorros": ("savings", "ahorros"),
    "dependientes": ("dependents", "dependientes"),
    "dependents": ("dependents", "dependientes"),
    "cuotas": ("instalments", "cuotas"),
    "loans": ("loans", "préstamos"),
    "prestamos": ("loans", "préstamos"),
    "consultas": ("enquiries", "consultas"),
}
UNITS = (
    (_words("months meses monate monat"), "months"),
    (_words("years anos jahre edad age alter idade"), "years"),
    (_words("days dias tage"), "days"),
    (_words("eur euro euros"), "EUR"),
    (_words("usd dollars dolares"), "USD"),
    (_words("brl reais"), "BRL"),
    (_words("percent pct porcentaje prozent"), "percent"),
)

# Values of a target, in lower case; and words of a target's name that speaks of the good outcome.
BAD = _words(
    "1 yes y true t bad default defaulted si sí s malo mala moroso impago incumplido late"
    " delinquent schlecht ja j ausfall sim mau ruim inadimplente b charged_off"
) | {"charged off", "in default", "no paga"}
GOOD = _words(
    "0 no n false f good paid nein gut bueno buena bom pagado cumplido current repaid g nao"
    " não fully_paid"
) | {"fully paid", "al dia", "al día"}
POSITIVE = _ranked("good paid repaid approved pagado cumpl bueno gut")
