import { RejectedError } from "../lib/errors.ts";
import { decode } from "../lib/events/index.ts";
import { findJob, readTemplate, startJob } from "../lib/jobs/index.ts";
import { defineHttpFunction, type HttpResponse } from "../lib/runtime/index.ts";

const ROUTE = /^\/([^/]+)\/?$/;

/**
 * Does for clusters without JobSink what a JobSink does: `POST /<function>` runs the function on the event in a Job, and
 * `GET /<function>?source=…&id=…` says what became of it. Which function an event is for the Trigger says with the path.
 */
export default defineHttpFunction({
  name: "start-job",
  // a process that serves several functions runs them itself
  paths: [],
  needs: ["config", "kube"],

  async answer({ method, path, query, headers, body }, { config, kube, log, signal }): Promise<HttpResponse> {
    const name = ROUTE.exec(path)?.[1] ?? "";
    const template = await readTemplate(config.jobs.templates, name);

    if (method === "POST") {
      const [event, ...more] = decode({ headers, body });
      if (event === undefined || more.length > 0) {
        throw new RejectedError("EVENT_MALFORMED", "Cannot start a Job of a batch of events: send one");
      }
      const { id, source, type } = event;
      const job = await startJob(kube, name, template, event, signal);
      log.info({ job, event: id, source, type }, "the event has its Job");
      // without a body: it could be taken for a reply
      return { status: 202, headers: { location: `/${name}?${new URLSearchParams({ source, id })}` } };
    }
    if (method === "GET") {
      const [source = "", id = ""] = ["source", "id"].map((parameter) => query.get(parameter) ?? "");
      const found = await findJob(kube, name, { source, id }, signal);
      if (found !== undefined) return json(200, found);
      return json(404, { code: "KUBE_NOT_FOUND", message: "There is no Job of an event of this source and id" });
    }
    const refused = { code: "METHOD_NOT_ALLOWED", message: `Cannot ${method} a Job: events are posted` };
    return json(405, refused, { allow: "GET, POST" });
  },
});

const json = (status: number, body: object, headers: Readonly<Record<string, string>> = {}): HttpResponse => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});
