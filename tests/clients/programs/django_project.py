"""Django: its migrations, its ORM, inspectdb, the admin's and the sessions' tables. Takes host, port, user, database."""

from __future__ import annotations

import io
import sys
from types import ModuleType

import django
from django.conf import settings

HOST, PORT, USER, DATABASE = sys.argv[1:]

library = ModuleType("library")
library.__file__ = __file__
library.__path__ = []
sys.modules["library"] = library

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": HOST,
            "PORT": PORT,
            "USER": USER,
            "NAME": DATABASE,
            "TEST": {"NAME": DATABASE},
        }
    },
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.postgres",
        "django.contrib.sessions",
        "library",
    ],
    MIGRATION_MODULES={"library": None},
    TEMPLATES=[],
    SECRET_KEY="for a test",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.aggregates import ArrayAgg, StringAgg
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Case, Count, Exists, F, JSONField, OuterRef, Q, Subquery, Sum, Value, When, Window
from django.db.models.functions import Coalesce, Concat, ExtractYear, Lower, RowNumber, TruncMonth


class Author(models.Model):
    name = models.CharField(max_length=50, unique=True)
    born = models.DateField(null=True)
    tags = ArrayField(models.CharField(max_length=10), default=list)
    data = JSONField(default=dict)

    class Meta:
        app_label = "library"
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="author_has_a_name")]


class Book(models.Model):
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    title = models.CharField(max_length=100, db_index=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    added = models.DateTimeField(auto_now_add=True)
    lent_to = models.ManyToManyField(User, related_name="lent")

    class Meta:
        app_label = "library"
        indexes = [models.Index(Lower("title").desc(), name="book_title_lower"), models.Index(F("price"), name="dear")]
        constraints = [models.UniqueConstraint("author", "title", name="book_once")]


def main() -> None:
    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Author)
        editor.create_model(Book)
    print(
        "tables", sorted(name for name in connection.introspection.table_names() if name.startswith(("auth_", "lib")))
    )

    ann = Author.objects.create(name="Ann", born="1815-12-10", tags=["a", "b"], data={"places": ["Oslo", {"x": 1}]})
    bob = Author.objects.create(name="Bob")
    Book.objects.bulk_create([Book(author=ann, title=f"Volume {n}", price=n) for n in range(1, 6)], batch_size=2)
    Book.objects.create(author=bob, title="Solo", price="9.99")
    user = User.objects.create_user("ann", "ann@example.org", "secret")
    user.groups.add(Group.objects.create(name="readers"))
    user.user_permissions.add(Permission.objects.get(codename="view_session"))
    print("user", user.check_password("secret"), User.objects.get(username="ann").has_perm("sessions.view_session"))
    LogEntry.objects.create(
        user=user, content_type=ContentType.objects.get(model="user"), object_id="1", action_flag=ADDITION
    )
    session = SessionStore()
    session["cart"] = [1, 2]
    session.save()
    print("session", SessionStore(session.session_key)["cart"])

    print("contains", list(Author.objects.filter(tags__contains=["a"]).values_list("name", flat=True)))
    print("json", list(Author.objects.filter(data__places__1__x=1).values_list("data__places__0", flat=True)))
    print("json keys", Author.objects.filter(data__has_key="places").count(), Author.objects.filter(data={}).count())
    print("like", Book.objects.filter(title__icontains="VOL", title__iregex="[12]$").count())
    counted = Author.objects.annotate(n=Count("books"), total=Sum("books__price")).order_by("name")
    print("grouped", list(counted.values_list("name", "n", "total")))
    ranked = Book.objects.annotate(
        place=Window(RowNumber(), partition_by=[F("author")], order_by=F("price").desc())
    ).order_by("author", "place")
    print("ranked", list(ranked.values_list("title", "place")[:3]))
    newest = Book.objects.filter(author=OuterRef("pk")).order_by("-price").values("title")[:1]
    print(
        "subquery", list(Author.objects.annotate(dear=Subquery(newest)).order_by("pk").values_list("dear", flat=True))
    )
    print("exists", Author.objects.filter(Exists(Book.objects.filter(author=OuterRef("pk"), price__gt=9))).count())
    kinds = Case(When(price__lt=3, then=Value("cheap")), default=Value("dear"))
    print(
        "case", list(Book.objects.values(kind=kinds).annotate(n=Count("*")).order_by("kind").values_list("kind", "n"))
    )
    print(
        "aggregates",
        Author.objects.aggregate(all=ArrayAgg("name", ordering="name"), one=StringAgg("name", "-", ordering="-name")),
    )
    print("concat", Author.objects.annotate(x=Concat("name", Value("!"))).order_by("pk").values_list("x", flat=True)[0])
    print("dates", list(Author.objects.filter(born__year=1815).values_list(ExtractYear("born"), TruncMonth("born"))))
    print("updated", Book.objects.filter(author=ann).update(price=F("price") * 2), Book.objects.order_by("pk")[0].price)
    print("upsert", Author.objects.update_or_create(name="Bob", defaults={"tags": ["z"]})[1])
    Author.objects.bulk_create(
        [Author(name="Bob", tags=["y"]), Author(name="Cy")],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["tags"],
    )
    print("bulk upsert", list(Author.objects.order_by("name").values_list("name", "tags")))
    print(
        "coalesce",
        Author.objects.aggregate(
            n=Coalesce(Sum("books__price", filter=Q(name="Cy")), Value(0), output_field=models.DecimalField())
        ),
    )
    try:
        with transaction.atomic():
            Author.objects.create(name="Ann")
    except IntegrityError as error:
        print("refused", str(error).splitlines()[0])
    with transaction.atomic():
        locked = Author.objects.select_for_update(skip_locked=True, of=("self",)).get(name="Ann")
        print("locked", locked.name)
    print("iterated", sum(1 for _ in Book.objects.iterator(chunk_size=2)))
    print(
        "prefetched",
        [[b.title for b in a.books.all()] for a in Author.objects.prefetch_related("books").order_by("pk")][1],
    )
    print("union", Author.objects.values_list("name").union(Book.objects.values_list("title")).count())
    print("explained", bool(Book.objects.filter(pk=1).explain(analyze=True)))
    print("deleted", ann.delete()[0])

    with connection.schema_editor() as editor:
        field = models.IntegerField(default=7, null=True)
        field.set_attributes_from_name("pages")
        editor.add_field(Book, field)
        wider = models.BigIntegerField(null=False, default=7)
        wider.set_attributes_from_name("pages")
        wider.model = field.model = Book
        editor.alter_field(Book, field, wider)
        title = models.TextField()
        title.set_attributes_from_name("title")
        old = Book._meta.get_field("title")
        title.model = Book
        editor.alter_field(Book, old, title)
    with connection.cursor() as cursor:
        for table in ("library_author", "library_book"):
            described = connection.introspection.get_table_description(cursor, table)
            print(table, [(c.name, c.type_code, c.null_ok) for c in described])
            print("  relations", connection.introspection.get_relations(cursor, table))
            constraints = connection.introspection.get_constraints(cursor, table)
            for name, found in sorted(constraints.items()):
                keys = ("columns", "primary_key", "unique", "foreign_key", "check", "index", "type", "orders")
                print("  ", name.partition("_id_")[0], [found.get(key) for key in keys])
            print("  sequences", connection.introspection.get_sequences(cursor, table))
    out = io.StringIO()
    call_command("inspectdb", "library_author", "library_book", "auth_user_groups", stdout=out)
    print(out.getvalue())
    call_command("migrate", "admin", "zero", verbosity=0)
    print("left", [name for name in connection.introspection.table_names() if name.startswith("django_admin")])


main()
