-- One row for each application whose performance window had closed when the period ended.
-- Reads raw partitions up to the period only, so a rerun sees what the first run saw. Every tie is
-- broken by the values, so the same rows win each time.
-- The income comes as text. On a form whose columns are shifted no number stands there: it becomes
-- missing here, and clean, which wants an income from everybody, puts the row into quarantine.
WITH
applications AS (
    SELECT *
    FROM (
        SELECT
            *,
            row_number() OVER (
                PARTITION BY application_id ORDER BY period DESC, applied_on DESC, shop, net_income_brl
            ) AS copy_no
        FROM application
        WHERE period <= '{{ partition_key }}'
    )
    WHERE copy_no = 1
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
    a.sex,
    a.marital_status,
    a.age_years,
    a.mate_income_brl,
    a.mothers_name_given,
    a.fathers_name_given,
    a.area_code,
    TRY_CAST(a.net_income_brl AS DOUBLE) AS net_income_brl,
    a.job_months,
    a.profession_code,
    a.residence_type,
    a.residence_months,
    a.home_phone,
    a.works_in_home_town,
    a.works_in_home_state,
    a.post_goes_home,
    a.payment_day,
    a.additional_cards_count,
    a.shop,
    a.shop_rank,
    o.is_bad,
    CAST(mod(a.application_id, {{ params.parts }}) AS VARCHAR) AS part
FROM applications a
JOIN outcomes o ON o.application_id = a.application_id AND o.copy_no = 1
WHERE
    -- the window is over: it lasted its months, and it ended within the period
    o.closed_on >= date_add('month', {{ params.window_months }}, a.applied_on)
    AND o.closed_on < date_add('month', 1, date '{{ partition_key }}-01')
