FROM python:3.13-slim AS packages
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 DATA_DIR=/data STATIC_ROOT=/app/staticfiles
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin plugcontrol \
    && install -d -o plugcontrol -g plugcontrol -m 700 /data
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
# byte code and static files are made here: at run time the file system is read-only
RUN python -m compileall -q . \
    && DATA_DIR=/tmp/build python manage.py collectstatic --noinput --verbosity 0 \
    && rm -r /tmp/build
USER plugcontrol
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:%s/healthz' % (os.environ.get('PORT') or 8000), timeout=4)"]
CMD ["python", "manage.py", "serve", "--prepare"]
