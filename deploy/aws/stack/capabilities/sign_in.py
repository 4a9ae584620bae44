"""Who somebody is: a Cognito pool that wants a second factor of everybody, every time.

Nobody signs up by himself, and no remembered device stands in for the second factor. The API takes
the product's own tokens alone: a pool's token opens nothing there yet (docs/guides/aws.md).
"""

import aws_cdk as cdk
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_logs as logs
from constructs import Construct

from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.capabilities.web_firewall import WebFirewall, may_write
from stack.naming import PRODUCT
from stack.profile import Profile

PASSWORD_CHARACTERS_MIN = 14
TOKEN_MINUTES = 15
SESSION_HOURS = 12
SCOPES = {
    "trade": "place and cancel orders",
    "read": "see one's own orders and balances",
    "audit": "read the ledger",
    "operate": "stop trading, change limits",
}
"""What a token may be good for; the product's own words."""


class SignIn(Construct):
    """The pool, the page's client and the machines' client, behind a web firewall."""

    def __init__(self, scope: Construct, id_: str, *, profile: Profile, keys: Keys) -> None:
        super().__init__(scope, id_)
        self.user_pool = cognito.UserPool(
            self,
            "People",
            user_pool_name=PRODUCT,
            mfa=cognito.Mfa.REQUIRED,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            password_policy=cognito.PasswordPolicy(
                min_length=PASSWORD_CHARACTERS_MIN,
                require_digits=True,
                require_lowercase=True,
                require_uppercase=True,
                require_symbols=True,
                password_history_size=24,
                temp_password_validity=cdk.Duration.days(1),
            ),
            feature_plan=cognito.FeaturePlan.PLUS,
            standard_threat_protection_mode=cognito.StandardThreatProtectionMode.FULL_FUNCTION,
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            keep_original=cognito.KeepOriginalAttrs(email=True),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            deletion_protection=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self.domain = self.user_pool.add_domain(
            "Domain",
            cognito_domain=cognito.CognitoDomainOptions(
                domain_prefix=f"{PRODUCT}-{cdk.Stack.of(self).account}-{cdk.Stack.of(self).region}"
            ),
            managed_login_version=cognito.ManagedLoginVersion.NEWER_MANAGED_LOGIN,
        )
        self._clients(profile)
        self._log(profile, keys)
        self.firewall = WebFirewall(
            self,
            "SignInFirewall",
            profile=profile,
            key=keys.logs,
            protects=[self.user_pool.user_pool_arn],
            fraud_rules=False,
        )

    def _clients(self, profile: Profile) -> None:
        scopes = {
            name: cognito.ResourceServerScope(scope_name=name, scope_description=what)
            for name, what in SCOPES.items()
        }
        server = self.user_pool.add_resource_server(
            "Orders", identifier=profile.api_domain, scopes=list(scopes.values())
        )
        allowed = [cognito.OAuthScope.resource_server(server, each) for each in scopes.values()]
        page = f"https://{profile.domain}"
        short = cdk.Duration.minutes(TOKEN_MINUTES)
        self.page = self.user_pool.add_client(
            "Page",
            generate_secret=False,
            auth_flows=cognito.AuthFlow(user_srp=True),
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=[cognito.OAuthScope.OPENID, cognito.OAuthScope.EMAIL, *allowed],
                callback_urls=[f"{page}/signed-in"],
                logout_urls=[page],
            ),
            access_token_validity=short,
            id_token_validity=short,
            refresh_token_validity=cdk.Duration.hours(SESSION_HOURS),
            refresh_token_rotation_grace_period=cdk.Duration.seconds(30),
            enable_token_revocation=True,
            prevent_user_existence_errors=True,
        )
        self.machines = self.user_pool.add_client(
            "Machines",
            generate_secret=True,
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(client_credentials=True), scopes=allowed[:2]
            ),
            access_token_validity=short,
            enable_token_revocation=True,
            prevent_user_existence_errors=True,
        )

    def _log(self, profile: Profile, keys: Keys) -> None:
        """Each attempt to sign in, with the risk that Cognito saw in it."""
        stack = cdk.Stack.of(self)
        name = f"/aws/vendedlogs/cognito/{PRODUCT}"
        group = log_group(self, "Log", days=profile.retention.log_days, key=keys.logs, name=name)
        allowed = logs.ResourcePolicy(
            self,
            "MayWrite",
            resource_policy_name=f"{stack.stack_name}-sign-in",
            policy_statements=[may_write(group, stack)],
        )
        configuration = cognito.CfnLogDeliveryConfiguration
        delivery = configuration(
            self,
            "Delivery",
            user_pool_id=self.user_pool.user_pool_id,
            log_configurations=[
                configuration.LogConfigurationProperty(
                    event_source=source,
                    log_level=level,
                    cloud_watch_logs_configuration=configuration.CloudWatchLogsConfigurationProperty(
                        log_group_arn=stack.format_arn(
                            service="logs",
                            resource="log-group",
                            resource_name=name,
                            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                        )
                    ),
                )
                for source, level in (("userAuthEvents", "INFO"), ("userNotification", "ERROR"))
            ],
        )
        delivery.node.add_dependency(group, allowed)
