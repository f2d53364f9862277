// Tokens, made and read by jose.
import { listen, send } from "hearken";
import { SignJWT, createLocalJWKSet, decodeProtectedHeader, exportJWK, generateKeyPair, importJWK, importPKCS8, importSPKI, jwtVerify } from "jose";

type Asked = { secret: string; jwks: { keys: any[] }; rsa: string; ec: string; pkcs8: string; spki: string };

const told = async (token: string, key: any, algorithm: string) => {
  try {
    const { payload } = await jwtVerify(token, key, { issuer: "shop", algorithms: [algorithm] });
    return payload.sub;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

const token = (algorithm: string, subject: string, expires = "1h") =>
  new SignJWT({}).setProtectedHeader({ alg: algorithm }).setSubject(subject).setIssuer("shop").setExpirationTime(expires);

listen<Asked>("custom.tokens.asked", async function tokens(event) {
  const { secret, jwks, rsa, ec, pkcs8, spki } = event.data;
  const key = new TextEncoder().encode(secret);
  const shared = await token("HS256", "ada").sign(key);
  const late = await token("HS512", "late", "-1h").sign(key);
  const pair = await generateKeyPair("ES256", { extractable: true });
  const signed = await token("ES256", "grace").sign(pair.privateKey);
  const jwk = await exportJWK(pair.publicKey);
  const set = createLocalJWKSet(jwks);
  send("tokens.told", {
    data: {
      shared: await told(shared, key, "HS256"),
      forged: await told(`${shared.slice(0, -4)}AAAA`, key, "HS256"),
      late: await told(late, key, "HS512"),
      own: await told(signed, await importJWK(jwk, "ES256"), "ES256"),
      written: await told(await token("ES256", "joan").sign(await importPKCS8(pkcs8, "ES256")), await importSPKI(spki, "ES256"), "ES256"),
      rsa: await told(rsa, set, "RS256"),
      ec: await told(ec, set, "ES256"),
      other: await told(rsa.replace(/\.[^.]*\./, ".e30."), set, "RS256"),
      header: decodeProtectedHeader(shared).alg,
      shared_token: shared,
    },
  });
});
