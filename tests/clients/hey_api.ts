import { client } from "./client/client.gen";
import { createUser, getUser, listUsers, patchUser } from "./client";
import type { GatewayMessage, NewUser, Problem, User } from "./client";

client.setConfig({ baseUrl: "https://api.example.com", auth: "token" });

function fail(error: Problem | GatewayMessage): never {
  if ("message" in error) throw new Error(error.message);
  const faults = (error.errors ?? []).map(({ pointer, detail }) => `${pointer}: ${detail}`);
  throw new Error([error.detail, ...faults].join("; "));
}

export async function create(username: string, key: string): Promise<User> {
  const { data, error } = await createUser({
    headers: { "Idempotency-Key": key },
    body: { username },
  });
  return error ? fail(error) : data;
}

export async function read(username: string, etag?: string): Promise<User | undefined> {
  const { data, error, response } = await getUser({
    path: { username },
    ...(etag && { headers: { "If-None-Match": etag } }),
  });
  if (response?.status === 304) return undefined;
  return error ? fail(error) : data;
}

export async function* list(): AsyncGenerator<User> {
  let cursor: string | undefined;
  do {
    const query = { status: "active" as const, limit: 100, ...(cursor && { cursor }) };
    const { data, error } = await listUsers({ query });
    if (error) fail(error);
    yield* data.users;
    cursor = data.next_cursor;
  } while (cursor);
}

export async function forgetEmail(username: string, etag: string): Promise<string> {
  const { data, error } = await patchUser({
    path: { username },
    headers: { "If-Match": etag },
    body: { email: null, attributes: { badge: null } },
  });
  return error ? fail(error) : data.status;
}

// @ts-expect-error There is no such status.
export const wrong: NewUser = { username: "jane", status: "invited" };
