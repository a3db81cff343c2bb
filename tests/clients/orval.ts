import { createUser, getUser, listUsers, patchUser } from "./client";
import type { GatewayMessage, NewUser, Problem, User } from "./client";

function fail(error: Problem | GatewayMessage): never {
  if ("message" in error) throw new Error(error.message);
  const faults = (error.errors ?? []).map(({ pointer, detail }) => `${pointer}: ${detail}`);
  throw new Error([error.detail, ...faults].join("; "));
}

export async function create(username: string, key: string): Promise<User> {
  const answer = await createUser({ username }, { headers: { "Idempotency-Key": key } });
  return answer.status === 201 ? answer.data : fail(answer.data);
}

export async function read(username: string, etag?: string): Promise<User | undefined> {
  const answer = await getUser(username, etag ? { headers: { "If-None-Match": etag } } : {});
  if (answer.status === 304) return undefined;
  return answer.status === 200 ? answer.data : fail(answer.data);
}

export async function* list(): AsyncGenerator<User> {
  let cursor: string | undefined;
  do {
    const answer = await listUsers({ status: "active", limit: 100, ...(cursor && { cursor }) });
    if (answer.status !== 200) fail(answer.data);
    yield* answer.data.users;
    cursor = answer.data.next_cursor;
  } while (cursor);
}

export async function forgetEmail(username: string, etag: string): Promise<string> {
  const body = { email: null, attributes: { badge: null } };
  const answer = await patchUser(username, body, { headers: { "If-Match": etag } });
  return answer.status === 200 ? answer.data.status : fail(answer.data);
}

// @ts-expect-error There is no such status.
export const wrong: NewUser = { username: "jane", status: "invited" };
