"""Signing in: OpenID Connect with an identity provider, or a one-time link of the operator.

    settings   which provider, as the operator wrote it down
    attempt    the secrets of one attempt, in a cookie of the browser that makes it
    provider   what the provider is asked, and how its answers are verified
    cookie     the session cookie of whoever has signed in
    routes     the addresses a browser goes through, in that order

OpenID Connect Core 1.0 (code flow) with PKCE (RFC 7636), as the NL GOV Assurance profile for OpenID
Connect 1.0.1 narrows them. `tests/test_sign_in.py` signs in at a real provider.
"""
