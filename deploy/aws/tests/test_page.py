"""The page: read by CloudFront alone, TLS of today, strict headers, behind a web firewall."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values


def test_the_distribution_speaks_tls_and_signs_its_reads(full: Assembly, values: Values) -> None:
    """HTTPS only, TLS 1.2 of 2021, an access control that signs always, logs, a firewall."""
    distribution = full.one("AWS::CloudFront::Distribution")
    assert distribution.region == "us-east-1"
    own: Any = values.of(distribution)
    config = own["DistributionConfig"]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    assert config["WebACLId"]
    assert config["Logging"]["Bucket"]
    (origin,) = config["Origins"]
    assert origin["OriginAccessControlId"]
    assert "eu-west-1" in origin["DomainName"]
    access: Any = full.one("AWS::CloudFront::OriginAccessControl").properties
    assert access["OriginAccessControlConfig"]["SigningBehavior"] == "always"
    assert access["OriginAccessControlConfig"]["SigningProtocol"] == "sigv4"


def test_the_bucket_is_read_by_this_accounts_distributions_alone(
    full: Assembly, values: Values
) -> None:
    """No other principal is let in."""
    policies: list[Any] = [
        values.of(each)["PolicyDocument"]
        for each in full.resources("AWS::S3::BucketPolicy", stack="service")
        if "PageFiles" in each.logical_id
    ]
    allowed = [each for each in policies[0]["Statement"] if each["Effect"] == "Allow"]
    (statement,) = allowed
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert statement["Action"] == "s3:GetObject"
    assert statement["Condition"]["ArnLike"]["aws:SourceArn"] == (
        "arn:aws:cloudfront::333333333333:distribution/*"
    )


def test_a_browser_may_do_nothing_that_is_not_the_pages(full: Assembly) -> None:
    """No script, frame or connection of others; HSTS for two years."""
    policy: Any = full.one("AWS::CloudFront::ResponseHeadersPolicy").properties
    headers = policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    said = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    assert said.startswith("default-src 'none'")
    assert "unsafe" not in said
    assert "frame-ancestors 'none'" in said
    assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 730 * 86_400
    assert headers["FrameOptions"]["FrameOption"] == "DENY"
