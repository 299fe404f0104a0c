// HTTP to the platform, over plain HTTP or TLS with the platform's own CA.
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { rootCertificates } from 'node:tls'
import { Problem } from './problem.ts'
import type { Settings } from './settings.ts'

const answersWithin = 60_000 // ms

export interface Call {
  method?: string
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** Sends one request; the answer is a stream, whatever its status. `body` is JSON, unless it is a stream. */
export function send(
  settings: Omit<Settings, 'token'> & { token?: string },
  path: string,
  call: Call = {},
): Promise<IncomingMessage> {
  const url = new URL(path, settings.url + '/')
  const stream = isStream(call.body) ? call.body : undefined
  const json = call.body !== undefined && !stream ? JSON.stringify(call.body) : undefined
  const options: RequestOptions & { ca?: readonly string[] } = {
    method: call.method ?? (call.body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(settings.token && { Authorization: `Bearer ${settings.token}` }),
      ...(json !== undefined && {
        'Content-Type': 'application/json',
        'Content-Length': String(Buffer.byteLength(json)),
      }),
      ...call.headers,
    },
    ...(call.signal && { signal: call.signal }),
    ...(settings.ca && { ca: [...rootCertificates, settings.ca] }),
  }
  return new Promise((done, failed) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options as never, done)
    request.once('error', (error: NodeJS.ErrnoException) => failed(unreachable(url, error, call.signal)))
    if (stream) stream.once('error', (error) => request.destroy(error)).pipe(request)
    else request.end(json)
  })
}

/** Sends a request and reads the answer: JSON where it is JSON, else text. Anything but 2xx is a Problem with the platform's sentence. */
export async function ask(
  settings: Omit<Settings, 'token'> & { token?: string },
  path: string,
  call: Call = {},
): Promise<any> {
  const answer = await send(settings, path, { signal: AbortSignal.timeout(answersWithin), ...call })
  const said = await text(answer)
  const isJson = answer.headers['content-type']?.includes('json') && said !== ''
  const body = isJson ? parsed(said) : said
  if (answer.statusCode! >= 200 && answer.statusCode! < 300) return body
  throw refusal(answer.statusCode!, body)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Problem('cannot understand the answer: it is no JSON · is that a Copal platform?')
  }
}

export class Refused extends Problem {
  readonly status: number
  constructor(status: number, sentence: string) {
    super(sentence)
    this.status = status
  }
}

/** The platform's own sentence: `body.message`, or the body where it is a string. */
export function refusal(status: number, body: unknown): Refused {
  const message =
    (body as { message?: string })?.message ??
    (typeof body === 'string' && /^[^<]/.test(body) ? body.trimEnd() : undefined)
  if (status === 401)
    return new Refused(
      401,
      message ?? 'cannot do that: you are not logged in, or not allowed to · type: copal login',
    )
  return new Refused(status, message ?? `cannot do that: the platform answered ${status}`)
}

export class Untrusted extends Problem {}

function unreachable(url: URL, error: NodeJS.ErrnoException, signal?: AbortSignal): Error {
  if (signal?.aborted)
    return signal.reason?.name === 'TimeoutError'
      ? new Problem(`cannot wait any longer for the platform at ${url.origin}: no answer for a minute`)
      : error
  if (error.code === 'ECONNREFUSED')
    return new Problem(`cannot reach the platform at ${url.origin}: nothing listens there · is it started?`)
  if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN')
    return new Problem(`cannot reach the platform at ${url.origin}: the name ${url.hostname} is not known`)
  if (/CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/.test(error.code ?? ''))
    return new Untrusted(
      `cannot trust the certificate of ${url.origin} (${error.code}) · type: copal login ${url.origin}`,
    )
  return new Problem(`cannot reach the platform at ${url.origin}: ${error.message}`)
}

const isStream = (body: unknown): body is Readable =>
  typeof (body as Readable | undefined)?.pipe === 'function'
