import {expect, it} from 'vitest'
import {data, Failure, refusal, retryAfter} from './client.ts'

it('reads when to come again, as seconds and as a date', () => {
  const now = Date.parse('2026-06-11T08:00:00Z')
  expect(['120', ' 0 ', '2', 'Thu, 11 Jun 2026 08:01:30 GMT', 'Thu, 11 Jun 2026 07:00:00 GMT'].map(t => retryAfter(t, now))).toEqual([120, 0, 2, 90, 0])
  expect([null, undefined, '', 'soon', '-5', '1.5', '12 minutes'].map(t => retryAfter(t, now))).toEqual([undefined, undefined, undefined, undefined, undefined, undefined, undefined])
})
it('a failure has it, and has none where the server says none', async () => {
  const answer = (headers: Record<string, string>) => new Response(null, {status: 429, headers})
  const problem = {type: '', title: '', status: 429, detail: '', code: 'too_many_tries'}
  const failed = await data(Promise.resolve({error: problem, response: answer({'Retry-After': '90'})})).catch((e: unknown) => e as Failure)
  expect(failed).toMatchObject({code: 'too_many_tries', wait: 90})
  expect(refusal(problem, answer({})).wait).toBeUndefined()
  expect(refusal('a proxy’s page', answer({'Retry-After': '2'}))).toMatchObject({code: 'internal', problem: undefined, wait: 2})
})
