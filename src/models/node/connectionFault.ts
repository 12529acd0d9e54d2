import { proxyStatus } from './proxiedFetch.js'
import type { Proxy } from './proxies.js'

/** Why nothing came of a connection, as a person reads it, and whether it may pass. */
export interface Fault {
  readonly message: string
  readonly kind: 'broken' | 'unreachable' | 'refused'
}

/**
 * Reads the error of a `fetch` that failed.
 * @param host that was asked
 * @param proxy that it was asked through
 */
export function connectionFault(host: string, error: unknown, proxy: Proxy | null): Fault {
  const causes = causesOf(error)
  const cause = causes.find(({ code }) => typeof code === 'string') ?? causes[0]
  const status = causes.map(proxyStatus).find((found) => found !== null) ?? null
  const named = proxy === null ? '' : `the proxy ${proxy.address} (${proxy.variable})`
  if (status !== null)
    return {
      message: proxyAnswer(named === '' ? 'the proxy' : named, host, status),
      kind: status >= 500 ? 'unreachable' : 'refused',
    }
  const code = cause?.code ?? ''
  const why = code || (cause?.message ?? (error instanceof Error ? error.message : String(error)))
  if (untrusted.test(code))
    return { message: certificateFault(code === 'UND_ERR_PRX_TLS' ? named : host, why), kind: 'refused' }
  if (cause?.message?.includes('redirect count exceeded') === true)
    return { message: `${host} sends every request on to another address without end`, kind: 'refused' }
  if (!nobody.test(code))
    return {
      message: `the connection to ${host}${proxy === null ? '' : ` through ${named}`} broke (${why})`,
      kind: 'broken',
    }
  return {
    message:
      proxy === null
        ? `${host} cannot be reached (${why})`
        : `${named} cannot be reached (${why}); correct the variable, or name ${host} in NO_PROXY`,
    kind: 'unreachable',
  }
}

interface Cause {
  readonly code?: string
  readonly message?: string
  readonly cause?: Cause
}

/** `fetch` says only that it failed; why is in what caused that, one or two errors down. */
function causesOf(error: unknown): Cause[] {
  const causes: Cause[] = []
  for (let cause = (error as Cause | undefined)?.cause; cause !== undefined && causes.length < 5; cause = cause.cause)
    causes.push(cause)
  return causes
}

/** Nothing answered at all: no name, no route, no listener. */
const nobody = /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|UND_ERR_CONNECT_TIMEOUT)$/

/** OpenSSL's names of what is wrong with a certificate, and Node's and the client's own. */
const untrusted = new RegExp(
  '^(CERT_.*|.*SELF_SIGNED_CERT.*|UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)_.*|ERR_TLS_CERT_ALTNAME_(INVALID|FORMAT)|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)' +
    '|PATH_LENGTH_EXCEEDED|ERROR_IN_CERT_.*|UND_ERR_PRX_TLS)$',
)

function certificateFault(whose: string, code: string): string {
  const problem =
    code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID'
      ? `${code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'}, by the clock of this machine`
      : code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'UND_ERR_PRX_TLS'
        ? 'is of another host'
        : code.includes('SELF_SIGNED')
          ? 'is signed by nobody this machine trusts'
          : 'cannot be verified'
  return (
    `the certificate of ${whose} ${problem} (${code}). A company or a program that looks into connections signs them itself: put the path of its root certificate, ` +
    'a PEM file, into the environment variable NODE_EXTRA_CA_CERTS'
  )
}

function proxyAnswer(proxy: string, host: string, status: number): string {
  const meaning =
    status === 407
      ? 'it wants a user and a password: http://user:password@host:port in that variable, special characters percent-encoded'
      : status >= 500
        ? `it cannot reach ${host}`
        : `it does not let ${host} through`
  return `${proxy} answered ${status}: ${meaning}`
}
