"""The page: read by CloudFront alone, TLS of today, strict headers, behind a web firewall."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""AWS's own policies, which have the same ids in every account."""


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
    origin, api = config["Origins"]
    assert api["DomainName"] == "api.tallystick.example.com"
    assert origin["OriginAccessControlId"]
    assert "eu-west-1" in origin["DomainName"]
    access: Any = full.one("AWS::CloudFront::OriginAccessControl").properties
    assert access["OriginAccessControlConfig"]["SigningBehavior"] == "always"
    assert access["OriginAccessControlConfig"]["SigningProtocol"] == "sigv4"


def test_the_page_reaches_the_api_under_its_own_name(full: Assembly, values: Values) -> None:
    """Every method, every header but Host, nothing kept, TLS 1.2 all the way."""
    own: Any = values.of(full.one("AWS::CloudFront::Distribution"))
    config = own["DistributionConfig"]
    api = config["Origins"][1]
    assert api["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert api["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
    found = {each["PathPattern"]: each for each in config["CacheBehaviors"]}
    assert set(found) == {"/v1/*", "/healthz", "/readyz"}
    for each in found.values():
        assert each["TargetOriginId"] == api["Id"]
        assert set(each["AllowedMethods"]) >= {"GET", "POST", "PUT", "PATCH", "DELETE"}
        assert each["ViewerProtocolPolicy"] == "https-only"
        assert each["CachePolicyId"] == CACHING_DISABLED
        assert each["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST


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
    assert "connect-src 'self';" in said
    assert "frame-ancestors 'none'" in said
    assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 730 * 86_400
    assert headers["FrameOptions"]["FrameOption"] == "DENY"
