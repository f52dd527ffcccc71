-- Where every raw application of the period went: prepared + immature + repeated = raw.
WITH
applications AS (
    SELECT
        application_id,
        applied_on,
        row_number() OVER (PARTITION BY application_id ORDER BY period DESC, applied_on DESC, borrower_id) AS copy_no
    FROM application
    WHERE period <= '{{ partition_key }}'
),
matured AS (
    SELECT DISTINCT a.application_id
    FROM applications a
    JOIN performance o ON o.application_id = a.application_id AND o.period <= '{{ partition_key }}'
    WHERE a.copy_no = 1
        AND o.closed_on >= date_add('month', {{ params.window_months }}, a.applied_on)
        AND o.closed_on < date_add('month', 1, date '{{ partition_key }}-01')
)
SELECT
    (SELECT count(*) FROM applications) AS raw_applications,
    (SELECT count(*) FROM applications WHERE copy_no > 1) AS repeated_keys,
    (SELECT count(*) FROM applications WHERE copy_no = 1) - (SELECT count(*) FROM matured) AS immature,
    (SELECT count(*) FROM prepared WHERE period = '{{ partition_key }}') AS prepared
