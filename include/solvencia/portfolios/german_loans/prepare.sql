-- One row for each application whose performance window had closed when the period ended.
-- Reads raw partitions up to the period only, so a rerun sees what the first run saw; and of the
-- borrower only what was on record on the day of the application. Every tie is broken by the
-- values, so the same rows win each time.
WITH
applications AS (
    SELECT *
    FROM (
        SELECT
            *,
            row_number() OVER (PARTITION BY application_id ORDER BY period DESC, applied_on DESC, borrower_id) AS copy_no
        FROM application
        WHERE period <= '{{ partition_key }}'
    )
    WHERE copy_no = 1
),
borrowers AS (
    SELECT
        a.application_id,
        b.personal_status_and_sex,
        b.age_years,
        b.foreign_worker,
        b.dependents,
        b.employment,
        b.job,
        b.residence,
        b.housing,
        b.property,
        b.telephone,
        row_number() OVER (
            PARTITION BY a.application_id
            ORDER BY
                b.recorded_on DESC, b.period DESC, b.age_years, b.personal_status_and_sex, b.foreign_worker,
                b.dependents, b.employment, b.job, b.residence, b.housing, b.property, b.telephone
        ) AS copy_no
    FROM applications a
    JOIN borrower b ON b.borrower_id = a.borrower_id AND b.recorded_on <= a.applied_on
    WHERE b.period <= '{{ partition_key }}'
),
outcomes AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY application_id ORDER BY period DESC, closed_on DESC, is_bad DESC) AS copy_no
    FROM performance
    WHERE period <= '{{ partition_key }}'
)
SELECT
    a.application_id,
    a.applied_on,
    a.purpose,
    a.amount_dm,
    a.duration_months,
    a.instalment_rate,
    a.other_parties,
    a.other_plans,
    a.checking_account,
    a.savings,
    a.credit_history,
    a.credits_here,
    b.personal_status_and_sex,
    b.age_years,
    b.foreign_worker,
    b.dependents,
    b.employment,
    b.job,
    b.residence,
    b.housing,
    b.property,
    b.telephone,
    o.is_bad,
    CAST(mod(a.application_id, {{ params.parts }}) AS VARCHAR) AS part
FROM applications a
JOIN outcomes o ON o.application_id = a.application_id AND o.copy_no = 1
LEFT JOIN borrowers b ON b.application_id = a.application_id AND b.copy_no = 1
WHERE
    -- the window is over: it lasted its months, and it ended within the period
    o.closed_on >= date_add('month', {{ params.window_months }}, a.applied_on)
    AND o.closed_on < date_add('month', 1, date '{{ partition_key }}-01')
