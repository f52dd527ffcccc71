-- One row for each application whose performance window had closed when the period ended.
-- Reads raw partitions up to the period only, so a rerun sees what the first run saw; and of
-- person, income and bureau only what was on record when the person applied: what came later
-- may know how the loan went. Every tie is broken by the values, so the same rows win each time.
WITH
applications AS (
    SELECT application_id, applicant_id, applied_on
    FROM (
        SELECT
            *,
            row_number() OVER (PARTITION BY application_id ORDER BY period DESC, applied_on DESC, applicant_id) AS copy_no
        FROM application
        WHERE period <= '{{ partition_key }}'
    )
    WHERE copy_no = 1
),
applicants AS (
    SELECT
        a.application_id,
        p.age_years,
        p.dependents_count,
        row_number() OVER (
            PARTITION BY a.application_id
            ORDER BY p.recorded_on DESC, p.period DESC, p.age_years, p.dependents_count
        ) AS copy_no
    FROM applications a
    JOIN applicant p ON p.applicant_id = a.applicant_id AND p.recorded_on <= a.applied_on
    WHERE p.period <= '{{ partition_key }}'
),
incomes AS (
    SELECT
        a.application_id,
        i.monthly_income_usd,
        i.debt_ratio,
        row_number() OVER (
            PARTITION BY a.application_id
            ORDER BY i.recorded_on DESC, i.period DESC, i.monthly_income_usd, i.debt_ratio
        ) AS copy_no
    FROM applications a
    JOIN income i ON i.applicant_id = a.applicant_id AND i.recorded_on <= a.applied_on
    WHERE i.period <= '{{ partition_key }}'
),
bureaus AS (
    SELECT
        a.application_id,
        b.revolving_utilisation_ratio,
        b.past_due_30_59_days_count,
        b.past_due_60_89_days_count,
        b.past_due_90_days_count,
        b.open_credit_lines_count,
        b.real_estate_loans_count,
        row_number() OVER (
            PARTITION BY a.application_id
            ORDER BY
                b.recorded_on DESC, b.period DESC, b.revolving_utilisation_ratio,
                b.past_due_30_59_days_count, b.past_due_60_89_days_count, b.past_due_90_days_count,
                b.open_credit_lines_count, b.real_estate_loans_count
        ) AS copy_no
    FROM applications a
    JOIN bureau b ON b.application_id = a.application_id AND b.recorded_on <= a.applied_on
    WHERE b.period <= '{{ partition_key }}'
),
outcomes AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY application_id ORDER BY period DESC, closed_on DESC, is_seriously_delinquent DESC
        ) AS copy_no
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
LEFT JOIN applicants p ON p.application_id = a.application_id AND p.copy_no = 1
LEFT JOIN incomes i ON i.application_id = a.application_id AND i.copy_no = 1
LEFT JOIN bureaus b ON b.application_id = a.application_id AND b.copy_no = 1
WHERE
    -- the window is over: it lasted its months, and it ended within the period
    o.closed_on >= date_add('month', {{ params.window_months }}, a.applied_on)
    AND o.closed_on < date_add('month', 1, date '{{ partition_key }}-01')
