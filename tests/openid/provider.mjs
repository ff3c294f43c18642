// A real identity provider (oidc-provider, certified by the OpenID Foundation), as the tests need it:
// whoever gives a login is that subject. What it is told comes as JSON in its first argument.

import { Provider } from 'oidc-provider';

const told = JSON.parse(process.argv[2]);

const provider = new Provider(told.issuer, {
  clients: [told.client],
  jwks: told.jwks,
  pkce: { required: () => true },
  acrValues: ['http://eidas.europa.eu/LoA/substantial'],
  clientAuthMethods: ['client_secret_basic', 'private_key_jwt'],
  enabledJWA: {
    idTokenSigningAlgValues: ['PS256', 'ES256', 'RS256'],
    clientAuthSigningAlgValues: ['PS256', 'ES256'],
  },
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    backchannelLogout: { enabled: true },
  },
  // Where it tells that somebody has signed out is an address of this machine, which it would refuse.
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }),
  cookies: { keys: ['of the tests'] },
});

provider.listen(told.port, '127.0.0.1', () => console.log('ready'));
