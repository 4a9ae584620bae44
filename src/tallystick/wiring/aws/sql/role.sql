-- ROLE_NAME is replaced by one plain word. Who has the role rds_iam logs in by IAM on RDS and Aurora;
-- elsewhere there is no such role.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ROLE_NAME') THEN
    CREATE ROLE ROLE_NAME LOGIN;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') THEN
    GRANT rds_iam TO ROLE_NAME;
  END IF;
END
$$
