// The platform's own CA. The x509 library is loaded only when something is signed: at the first start, or for a new address.
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'

/** PEM both. */
export interface Authority {
  certificate: string
  key: string
}

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const days = 24 * 3600 * 1000

/** A new CA, good for twenty years: devices in the field carry it. */
export async function makeAuthority(): Promise<Authority> {
  const x509 = await library()
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: 'CN=Copal platform CA',
    notBefore: new Date(Date.now() - 2 * days), // device clocks are often behind
    notAfter: new Date(Date.now() + 20 * 365 * days),
    keys,
    signingAlgorithm: ecdsa,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await pem(keys.privateKey) }
}

/** A server certificate for these host names and IP addresses, signed by the CA; good for 800 days. */
export async function signServer(ca: Authority, names: string[]): Promise<Authority> {
  const x509 = await library()
  const issuer = new x509.X509Certificate(ca.certificate)
  const signingKey = await webcrypto.subtle.importKey(
    'pkcs8',
    createPrivateKey(ca.key).export({ type: 'pkcs8', format: 'der' }),
    ecdsa,
    false,
    ['sign'],
  )
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: 'CN=Copal platform',
    issuer: issuer.subject,
    notBefore: new Date(Date.now() - 2 * days),
    notAfter: new Date(Date.now() + 800 * days),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ecdsa,
    extensions: [
      new x509.BasicConstraintsExtension(false),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => (isIP(name) ? { type: 'ip', value: name } : { type: 'dns', value: name })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  })
  return { certificate: certificate.toString('pem') + '\n' + ca.certificate, key: await pem(keys.privateKey) }
}

async function library() {
  await import('reflect-metadata') // x509's decorators ask for it
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(webcrypto as never)
  return x509
}

const serial = () => '01' + randomBytes(15).toString('hex')

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    type: 'pkcs8',
    format: 'pem',
  }) as string
}
