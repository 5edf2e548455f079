use super::*;

fn schema() -> SchemaRef {
    let number = |name: &str| Field::new(name, DataType::Int64, true);
    let inner = crate::row(vec![number("x"), number("y")]);
    let outer = crate::row(vec![number("p"), Field::new("inner", inner, false), number("q")]);
    Arc::new(Schema::new(vec![number("a"), Field::new("outer", outer, true), number("b")]))
}

fn applied(paths: &[&str]) -> Result<String, FormatError> {
    fn names(fields: &[FieldRef]) -> String {
        let one = |field: &FieldRef| match field.data_type() {
            DataType::Struct(inner) => format!("{}({})", field.name(), names(inner)),
            _ => field.name().clone(),
        };
        fields.iter().map(one).collect::<Vec<_>>().join(" ")
    }
    let paths = paths.iter().map(|path| path.split('.').map(str::to_owned).collect());
    Ok(names(Projection::of(paths).apply(&schema())?.fields()))
}

#[test]
fn what_no_path_reaches_is_left_out() {
    assert_eq!(applied(&["b", "a"]).unwrap(), "a b");
    assert_eq!(applied(&["outer.inner.y", "outer.q"]).unwrap(), "outer(inner(y) q)");
    assert_eq!(applied(&["outer.inner.y", "outer.inner"]).unwrap(), "outer(inner(x y))");
    assert_eq!(applied(&["outer", "outer.q"]).unwrap(), "outer(p inner(x y) q)");
    assert_eq!(applied(&[]).unwrap(), "");
    assert_eq!(Projection::all().apply(&schema()).unwrap(), schema());
}

#[test]
fn a_path_to_nothing_is_named() {
    for (path, named) in
        [("c", "c"), ("outer.z", "outer.z"), ("outer.inner.z", "outer.inner.z"), ("a.x", "a.x")]
    {
        let error = applied(&[path]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the projection names '{named}', which the schema does not have")
        );
    }
}
