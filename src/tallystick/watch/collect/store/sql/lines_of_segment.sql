-- Lines of a hot segment, straight from its file. Parameters: first sequence number; path.
SELECT CAST(? AS BIGINT) + row_number() OVER () - 1 AS seq, CAST(json AS VARCHAR) AS raw
FROM read_ndjson_objects(?, maximum_object_size = 1048576)
