"""Words of lenders' columns in English, Spanish, German, Portuguese and French, unaccented."""

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
    "sex or gender": _words(
        "sex sexo gender genero geschlecht sesso sexe genre kon geslacht civilite anrede salutation"
    ),
    "age": _words("age edad alter idade eta leeftijd"),
    "date of birth": _words(
        "birth birthday birthdate dob nacimiento nac geburt geburtsdatum geburtstag nascimento nasc"
        " naissance nascita"
    ),
    "marital status": _words(
        "marital married marriage spouse conyuge conjuge civil familienstand verheiratet casado"
        " matrimonial divorced familiale familial matrimoniale marie"
    ),
    "nationality": _words(
        "nationality nacionalidad staatsangehoerigkeit staatsangehorigkeit nationalitaet"
        " nationalitat nacionalidade nationalite nazionalita citizenship citizen ciudadania foreign"
        " foreigner extranjero auslaender auslander gastarbeiter estrangeiro etranger immigrant"
        " inmigrante migrant etrangere cittadinanza"
    ),
    "religion": _words("religion religiao konfession religioso faith creed"),
    "race or ethnicity": _words(
        "race raza raca ethnicity ethnic etnia etnico ethnie hautfarbe skin"
    ),
    "pregnancy or family plans": _words(
        "pregnant pregnancy embarazo embarazada gravidez maternity grossesse enceinte"
    ),
    "disability or health": _words(
        "disability disabled discapacidad behinderung deficiencia health salud gesundheit saude"
        " invalidez handicap sante invalidite"
    ),
    "sexual orientation": _words("orientation orientacion orientierung orientacao lgbt"),
    "politics or union": _words("political politica union sindicato gewerkschaft syndicat"),
}
# With one of these, `age` is the age of a thing.
THINGS = _words(
    "account accounts loan credit cuenta prestamo credito konto kredit car vehicle vehiculo auto"
    " employment job empleo company business negocio empresa antiguedad history file bureau line"
    " property house card tarjeta month months oldest newest average compte vehicule voiture"
    " entreprise emploi conta veiculo carro emprego fahrzeug"
)
PROXIES = _words(
    "zip postcode postal plz cep cp neighbourhood neighborhood barrio bairro stadtteil surname"
    " apellido lastname firstname idioma language sprache lingua birthplace quartier commune langue"
    " cidade ciudad ville city municipio"
    " prenom nom"
)
AFTERWARDS = _words(
    "recovery recoveries recovered collection collections chargeoff chargedoff writeoff castigo"
    " castigado recupero recuperacion recuperado recuperacao cobranza cobranca inkasso ausbuchung"
    " settlement lgd outcome resultado refinanced reestructurado recouvrement contentieux relance"
    " cloture provision provisions mahnung rueckzahlung"
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
    " dossier identifiant proposta"
)
# A name that begins so and ends in no key is a number of things: number_of_dependents.
COUNTS = _words("number num numero nombre nb no nr anzahl cantidad quantidade")
TIMES = _ranked(
    "applied application solicitud antrag antragsdatum antragstag solicitacao pedido"
    " origination originacion issue issued opening apertura alta disbursement desembolso"
    " start request demande octroi souscription proposta"
)
DATES = _words("date fecha datum data day dia tag on at month mes monat jour")

REMARKS = _words(
    "comment comments comentario comentarios commentaire commentaires observaciones observacoes"
    " observation observations remark remarks memo bemerkung bemerkungen notas"
)
LISTED = _words(  # numbers of these name one of a list
    "branch agence agencia sucursal filiale filial shop store tienda loja channel canal product"
    " producto produto produit dealer vendedor"
)
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
    "revenu": ("income", "ingreso"),
    "mensuel": ("monthly", "mensual"),
    "montant": ("amount", "importe"),
    "duree": ("term", "plazo"),
    "objet": ("purpose", "finalidad"),
    "logement": ("housing", "vivienda"),
    "endettement": ("debt", "deuda"),
    "taux": ("rate", "tasa"),
    "solde": ("balance", "saldo"),
    "moyen": ("average", "medio"),
    "anciennete": ("length of", "antigüedad"),
    "emploi": ("employment", "empleo"),
    "incidents": ("incidents", "incidentes"),
    "renda": ("income", "ingreso"),
    "mensal": ("monthly", "mensual"),
    "prazo": ("term", "plazo"),
    "finalidade": ("purpose", "finalidad"),
    "moradia": ("housing", "vivienda"),
}
UNITS = (
    (_words("months meses monate monat mois"), "months"),
    (_words("years anos jahre edad age alter idade ans annees"), "years"),
    (_words("days dias tage jours"), "days"),
    (_words("eur euro euros"), "EUR"),
    (_words("usd dollars dolares"), "USD"),
    (_words("brl reais"), "BRL"),
    (_words("percent pct porcentaje prozent pourcentage"), "percent"),
)

# Values of a target, in lower case; and words of a target's name that speaks of the good outcome.
BAD = _words(
    "1 yes y true t bad default defaulted si sí s malo mala moroso impago incumplido late"
    " delinquent schlecht ja j ausfall sim mau ruim inadimplente b charged_off mauvais impaye"
    " impayé defaut défaut oui o"
) | {"charged off", "in default", "no paga"}
GOOD = _words(
    "0 no n false f good paid nein gut bueno buena bom pagado cumplido current repaid g nao bon"
    " sain non solde soldé"
    " não fully_paid"
) | {"fully paid", "al dia", "al día"}
POSITIVE = _ranked("good paid repaid approved pagado cumpl bueno gut")
