"""The issuer of the access tokens that the API accepts."""

from collections.abc import Iterable, Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from backend.findings import accept
from backend.identity.options import IdentityOptions, Issuer
from backend.naming import stack_uuid

_PASSWORD_LENGTH: Final = 16


class Identity(Construct):
    """The issuer of access tokens: the provider that the options name, or a user pool.

    The pool has no users. It issues tokens to programs (RFC 6749, section 4.4), which authenticate
    with the secret of a client. The secret is in no template and no output: ./scripts/token asks
    Cognito for it.

    Args:
        options: What the environment chooses.
        scopes: What a token may allow: "resource/verb" to its description.
        removal_policy: What happens to the pool when the stack is deleted. A pool that stays can be
            the issuer of another stack.
        deletion_protection: Whether Cognito refuses to delete the pool.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        options: IdentityOptions,
        scopes: Mapping[str, str],
        removal_policy: cdk.RemovalPolicy,
        deletion_protection: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        if options.issuer:
            self.issuer = options.issuer
            return
        self._user_pool = self._make_user_pool(deletion_protection=deletion_protection)
        self._add_domain()
        self.issuer = self._add_clients(options, scopes)
        # A pool that stays is useless to its callers without its clients and its domain.
        for resource in self.node.find_all():
            if isinstance(resource, cdk.CfnResource):
                resource.apply_removal_policy(removal_policy)
        if deletion_protection:  # the rollback of a failed create couldn't delete it
            self._user_pool.apply_removal_policy(cdk.RemovalPolicy.RETAIN)

    def _make_user_pool(self, *, deletion_protection: bool) -> cognito.UserPool:
        # Nobody signs in. These are safe defaults in case people are added one day.
        user_pool = cognito.UserPool(
            self,
            "UserPool",
            self_sign_up_enabled=False,
            account_recovery=cognito.AccountRecovery.NONE,
            password_policy=cognito.PasswordPolicy(
                min_length=_PASSWORD_LENGTH,
                require_digits=True,
                require_lowercase=True,
                require_symbols=True,
                require_uppercase=True,
            ),
            mfa=cognito.Mfa.REQUIRED,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            feature_plan=cognito.FeaturePlan.LITE,
            deletion_protection=deletion_protection,
        )
        accept(
            user_pool,
            "The Plus plan protects how people sign in. This pool has no people: it issues tokens"
            " to programs, whose secrets Cognito generates.",
            nag=["AwsSolutions-COG8"],
        )
        return user_pool

    def _add_domain(self) -> None:
        """Give the token endpoint a domain, whose prefix must be unique in the region."""
        prefix = f"users-{stack_uuid(self)}"
        self._user_pool.add_domain(
            "Domain", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=prefix)
        )

    def _add_clients(self, options: IdentityOptions, scopes: Mapping[str, str]) -> Issuer:
        o_auth = cognito.OAuthSettings(
            flows=cognito.OAuthFlows(client_credentials=True), scopes=list(self._scopes(scopes))
        )
        added = [
            self._user_pool.add_client(
                name,
                generate_secret=True,
                o_auth=o_auth,
                access_token_validity=cdk.Duration.minutes(options.token_minutes),
                prevent_user_existence_errors=True,
            )
            for name in options.clients
        ]
        stack = cdk.Stack.of(self)
        # The pool's attribute ProviderURL is missing in the local cloud.
        url = (
            f"https://cognito-idp.{stack.region}.{stack.url_suffix}/{self._user_pool.user_pool_id}"
        )
        return Issuer(url=url, audience=tuple(client.user_pool_client_id for client in added))

    def _scopes(self, scopes: Mapping[str, str]) -> Iterable[cognito.OAuthScope]:
        for resource in dict.fromkeys(name.split("/")[0] for name in scopes):
            verbs = [
                cognito.ResourceServerScope(
                    scope_name=name.split("/")[1], scope_description=description
                )
                for name, description in scopes.items()
                if name.startswith(f"{resource}/")
            ]
            server = self._user_pool.add_resource_server(
                f"Resource{resource.capitalize()}", identifier=resource, scopes=verbs
            )
            for verb in verbs:
                yield cognito.OAuthScope.resource_server(server, verb)
