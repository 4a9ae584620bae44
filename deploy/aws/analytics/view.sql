-- The warehouse follows the stream of entries by itself: each record is one CloudEvent (JSON), whose
-- `data` is the entry. Amounts are decimal texts there; a query makes numbers of them.
CREATE EXTERNAL SCHEMA IF NOT EXISTS stream FROM KINESIS IAM_ROLE default;

CREATE MATERIALIZED VIEW heard DISTSTYLE EVEN AUTO REFRESH YES AS
SELECT
  approximate_arrival_timestamp AS arrived,
  sequence_number,
  JSON_EXTRACT_PATH_TEXT(FROM_VARBYTE(kinesis_data, 'utf-8'), 'id')::BIGINT AS position,
  JSON_EXTRACT_PATH_TEXT(FROM_VARBYTE(kinesis_data, 'utf-8'), 'type')::VARCHAR(64) AS type,
  JSON_EXTRACT_PATH_TEXT(FROM_VARBYTE(kinesis_data, 'utf-8'), 'subject')::VARCHAR(128) AS account,
  JSON_PARSE(kinesis_data) AS event
FROM stream."tallystick-entries"
WHERE CAN_JSON_PARSE(kinesis_data);

-- What was said twice is known by its position, and counts once.
CREATE OR REPLACE VIEW entries AS
SELECT position, type, account, arrived, event
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY position ORDER BY arrived, sequence_number) AS copy
  FROM heard
) AS each_copy
WHERE copy = 1;
