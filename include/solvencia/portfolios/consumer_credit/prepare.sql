-- One row for each application whose performance window had closed when the period ended.
-- Reads raw partitions up to the period only, so a rerun sees what the first run saw.
WITH
applications AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY application_id ORDER BY period DESC, applied_on DESC, applicant_id) AS copy_no
    FROM application
    WHERE period <= '{{ partition_key }}'
),
applicants AS (
    SELECT *, row_number() OVER (PARTITION BY applicant_id ORDER BY period DESC, recorded_on DESC) AS copy_no
    FROM applicant
    WHERE period <= '{{ partition_key }}'
),
incomes AS (
    SELECT *, row_number() OVER (PARTITION BY applicant_id ORDER BY period DESC, recorded_on DESC) AS copy_no
    FROM income
    WHERE period <= '{{ partition_key }}'
),
bureaus AS (
    SELECT *, row_number() OVER (PARTITION BY application_id ORDER BY period DESC, recorded_on DESC) AS copy_no
    FROM bureau
    WHERE period <= '{{ partition_key }}'
),
outcomes AS (
    SELECT *, row_number() OVER (PARTITION BY application_id ORDER BY period DESC, closed_on DESC) AS copy_no
    FROM performance
    WHERE period <= '{{ partition_key }}'
)
SELECT
    a.application_id,
    a.applied_on,
    p.age_years,
    p.dependents_count,
    i.monthly_income_usd,
    i.debt_ratio,
    b.revolving_utilisation_ratio,
    b.past_due_30_59_days_count,
    b.past_due_60_89_days_count,
    b.past_due_90_days_count,
    b.open_credit_lines_count,
    b.real_estate_loans_count,
    o.is_seriously_delinquent,
    CAST(mod(a.application_id, {{ params.parts }}) AS VARCHAR) AS part
FROM applications a
JOIN outcomes o ON o.application_id = a.application_id AND o.copy_no = 1
LEFT JOIN applicants p ON p.applicant_id = a.applicant_id AND p.copy_no = 1
LEFT JOIN incomes i ON i.applicant_id = a.applicant_id AND i.copy_no = 1
LEFT JOIN bureaus b ON b.application_id = a.application_id AND b.copy_no = 1
WHERE a.copy_no = 1
    -- the window is over: 24 months have passed, and they ended within the period
    AND o.closed_on >= date_add('month', {{ params.window_months }}, a.applied_on)
    AND o.closed_on < date_add('month', 1, date '{{ partition_key }}-01')
